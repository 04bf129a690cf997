//! A node's side of a TLS handshake as a client, from `docs/protocol/transport.md` alone.
//!
//! Independent of `ensign-transport` on purpose: what attacks must be able to break its rules. It
//! believes whoever answers.

use std::sync::Arc;

use anyhow::Result;
use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, TaggedHasher};
use ensign_wire::PROTOCOL_VERSION;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureAlgorithm, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    sign::{CertifiedKey, Signer, SigningKey},
    version::TLS13,
};

/// The signature scheme of node keys: BIP340 over a tagged hash.
const SCHEME: SignatureScheme = SignatureScheme::Unknown(0xFE40);

/// DER of everything before the x coordinate of a node key.
const SPKI_PREFIX: [u8; 24] = [
    0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00, 0x02,
];

/// Makes the TLS part of one dial as the node of `key`.
///
/// # Errors
///
/// Fails if rustls refuses its own defaults.
pub(crate) fn client(key: &Arc<NodeKey>, network: Network) -> Result<QuicClientConfig> {
    let signer = Arc::new(NodeSigningKey { key: Arc::clone(key), network });
    let certified = CertifiedKey::new(vec![CertificateDer::from(spki(&key.peer_id()))], signer);
    let resolver = AlwaysResolvesClientRawPublicKeys::new(Arc::new(certified));
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![format!("ensign/{PROTOCOL_VERSION}/{network}").into_bytes()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(QuicClientConfig::try_from(config)?)
}

fn spki(peer: &PeerId) -> Vec<u8> {
    [&SPKI_PREFIX[..], peer.as_bytes()].concat()
}

#[derive(Clone, Debug)]
struct NodeSigningKey {
    key: Arc<NodeKey>,
    network: Network,
}

impl SigningKey for NodeSigningKey {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(spki(&self.key.peer_id()).into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Unknown(0x40)
    }
}

impl Signer for NodeSigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let digest = TaggedHasher::new("ensign/tls/v1", self.network).bytes(message).finish();
        Ok(self.key.sign(&digest).0.to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SCHEME
    }
}

/// Takes every server for the one that was dialled.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
