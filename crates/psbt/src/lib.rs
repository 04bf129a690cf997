//! PSBT in, messages to sign, signed PSBT out: BIP341 sighashes and BIP373 fields.
