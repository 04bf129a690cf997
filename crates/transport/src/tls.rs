//! TLS 1.3 whose raw public key is the node key and whose signature is BIP340.
//!
//! The key travels as a SubjectPublicKeyInfo of 56 bytes: `id-ecPublicKey` on secp256k1 with the
//! point of even Y, as BIP340 lifts an x-only key. The CertificateVerify message is hashed under
//! the tag `ensign/tls/v1` with the network inside and signed under the private-use scheme 0xFE40;
//! TLS puts the role (client or server) and the transcript into that message, so a signature
//! serves one role in one handshake.

use std::sync::{Arc, OnceLock};

use ensign_identity::{NodeKey, Signature, verify};
use ensign_primitives::{Network, PeerId, TaggedHasher};
use ensign_wire::PROTOCOL_VERSION;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerMisbehaved, ServerConfig, SignatureAlgorithm, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, Signer, SigningKey},
    version::TLS13,
};

/// Our side of every handshake.
#[derive(Debug)]
pub(crate) struct Identity {
    provider: Arc<CryptoProvider>,
    certified: Arc<CertifiedKey>,
    network: Network,
}

impl Identity {
    pub(crate) fn new(key: Arc<NodeKey>, network: Network) -> Self {
        let peer = key.peer_id();
        Self::claiming(peer, key, network)
    }

    /// Takes the peer id apart from the key, so that a test can claim another's.
    pub(crate) fn claiming(peer: PeerId, key: Arc<NodeKey>, network: Network) -> Self {
        let spki = spki(&peer);
        let signer = Arc::new(NodeSigningKey { key, network });
        let certified = CertifiedKey::new(vec![CertificateDer::from(spki.to_vec())], signer);
        Self { provider: Arc::new(provider()), certified: Arc::new(certified), network }
    }

    /// Makes the side that accepts: any node of our network, which then proves who it is.
    pub(crate) fn server(&self) -> Result<ServerConfig, Error> {
        let verifier = Arc::new(PeerVerifier::new(self.network, None));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::clone(
                &self.certified,
            ))));
        config.alpn_protocols = vec![alpn(self.network)];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(config)
    }

    /// Makes the side that dials `expected`, and the place where it notes who answered.
    pub(crate) fn client(&self, expected: PeerId) -> Result<(ClientConfig, Found), Error> {
        let found = Found::default();
        let verifier =
            Arc::new(PeerVerifier::new(self.network, Some((expected, Arc::clone(&found)))));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                Arc::clone(&self.certified),
            )));
        config.alpn_protocols = vec![alpn(self.network)];
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.enable_sni = false;
        Ok((config, found))
    }
}

/// Who answered a dial, once the answer's signature was verified.
pub(crate) type Found = Arc<OnceLock<PeerId>>;

/// Returns the name by which TLS tells networks and protocol versions apart, `ensign/2/regtest`.
pub(crate) fn alpn(network: Network) -> Vec<u8> {
    format!("ensign/{PROTOCOL_VERSION}/{network}").into_bytes()
}

/// Reads the identity that a finished handshake proved.
pub(crate) fn peer_of(connection: &quinn::Connection) -> Option<PeerId> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    chain.first().and_then(|spki| peer_of_spki(spki))
}

fn provider() -> CryptoProvider {
    use aws_lc_rs::{cipher_suite, kx_group};
    CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519],
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// A signature scheme of the private-use range (RFC 8446 section 4.2.3): BIP340 over a tagged hash.
const SCHEME: SignatureScheme = SignatureScheme::Unknown(0xFE40);

/// DER of everything before the x coordinate: `id-ecPublicKey`, `secp256k1`, even Y (RFC 5480).
const SPKI_PREFIX: [u8; 24] = [
    0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00, 0x02,
];

pub(crate) fn spki(peer: &PeerId) -> [u8; 56] {
    let mut spki = [0; 56];
    let (prefix, x) = spki.split_at_mut(SPKI_PREFIX.len());
    prefix.copy_from_slice(&SPKI_PREFIX);
    x.copy_from_slice(peer.as_bytes());
    spki
}

fn peer_of_spki(spki: &[u8]) -> Option<PeerId> {
    let x = spki.strip_prefix(&SPKI_PREFIX)?;
    <[u8; 32]>::try_from(x).ok().map(PeerId::from_bytes)
}

pub(crate) fn digest(network: Network, message: &[u8]) -> [u8; 32] {
    TaggedHasher::new("ensign/tls/v1", network).bytes(message).finish()
}

/// The node key as rustls asks for it.
#[derive(Clone, Debug)]
struct NodeSigningKey {
    key: Arc<NodeKey>,
    network: Network,
}

impl SigningKey for NodeSigningKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SCHEME).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(spki(&self.key.peer_id()).to_vec().into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Unknown(0x40)
    }
}

impl Signer for NodeSigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.key.sign(&digest(self.network, message)).0.to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SCHEME
    }
}

/// Verifies the other side's key and signature, and whether it is the node that was dialled.
#[derive(Debug)]
struct PeerVerifier {
    network: Network,
    dialled: Option<(PeerId, Found)>,
}

impl PeerVerifier {
    const fn new(network: Network, dialled: Option<(PeerId, Found)>) -> Self {
        Self { network, dialled }
    }

    fn verify_key(
        &self,
        spki: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
    ) -> Result<PeerId, Error> {
        let peer = peer_of_spki(spki).filter(|_| more.is_empty());
        peer.ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    /// The identity is compared only after its proof, so that the error names a proven one.
    fn verify_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SCHEME {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let found = self.verify_key(spki, &[])?;
        let signature = <[u8; 64]>::try_from(signed.signature())
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadSignature))?;
        if !verify(&found, &digest(self.network, message), &Signature(signature)) {
            return Err(Error::InvalidCertificate(CertificateError::BadSignature));
        }
        if let Some((expected, note)) = &self.dialled {
            let found = *note.get_or_init(|| found);
            if found != *expected {
                let mismatch = CertificateError::ApplicationVerificationFailure;
                return Err(Error::InvalidCertificate(mismatch));
            }
        }
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify_key(end_entity, intermediates).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify_key(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
