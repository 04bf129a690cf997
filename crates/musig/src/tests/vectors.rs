//! Reading the official vector files.

use std::string::String;
use std::vec::Vec;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{KeyAggCtx, PublicKey, Tweak, parse_public_key};

pub(super) fn parse<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

pub(super) fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

/// Why a case fails, as the files of BIP327 say it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) signer: Option<usize>,
    pub(super) contrib: Option<String>,
    pub(super) message: Option<String>,
}

impl Failure {
    /// A contribution of one signer is at fault.
    pub(super) fn contribution(signer: usize, contrib: &str) -> Self {
        Self { signer: Some(signer), contrib: Some(contrib.into()), message: None }
    }

    /// A contribution that no single signer made is at fault.
    pub(super) fn unattributed(contrib: &str) -> Self {
        Self { signer: None, contrib: Some(contrib.into()), message: None }
    }

    /// An argument of our own caller is at fault.
    pub(super) fn value(message: &str) -> Self {
        Self { signer: None, contrib: None, message: Some(message.into()) }
    }
}

/// Parses the keys at `indices`, or says which signer's key is none.
pub(super) fn keys(all: &[String], indices: &[usize]) -> Result<Vec<PublicKey>, Failure> {
    let parse = |(signer, &index): (usize, &usize)| {
        parse_public_key(&bytes(&all[index])).map_err(|_| Failure::contribution(signer, "pubkey"))
    };
    indices.iter().enumerate().map(parse).collect()
}

/// Applies tweaks in order.
pub(super) fn tweaked<'a>(
    ctx: &KeyAggCtx,
    tweaks: impl Iterator<Item = &'a String>,
    is_xonly: &[bool],
) -> Result<KeyAggCtx, Failure> {
    tweaks.zip(is_xonly).try_fold(ctx.clone(), |ctx, (tweak, is_xonly)| {
        let tweak = bytes(tweak);
        let tweak = if *is_xonly { Tweak::XOnly(tweak) } else { Tweak::Plain(tweak) };
        ctx.with_tweak(tweak).map_err(|error| match error {
            crate::TweakError::OutOfRange { .. } => {
                Failure::value("The tweak must be less than n.")
            }
            crate::TweakError::Infinity { .. } => {
                Failure::value("The result of tweaking cannot be infinity.")
            }
        })
    })
}
