//! Keys of the identity provider (RFC 7517), and whether a token is signed with one of them (RFC 7515, compact form). Only signatures that
//! nobody but the provider can make count: nothing unsigned, and no shared secrets, for which a public key could be taken.
//!
//! What a key can do is the key's word, not the token's. The mathematics are aws-lc's.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ProviderError;

/// Keys that are looked at.
const MOST: usize = 64;
/// Longer tokens are not looked at.
const LONGEST: usize = 64 * 1024;

/// The keys of a provider at a time.
pub(super) struct Keys(Vec<Key>);

/// One of them.
struct Key {
    id: Option<String>,
    /// The only algorithm it is for, where it says so.
    algorithm: Option<String>,
    material: Material,
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// As a set has it.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// What a token says of its signature.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token in its parts, unproved.
#[derive(Debug)]
pub(super) struct Token<'a> {
    header: Header,
    /// What is signed.
    message: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Refuses what could not be taken whatever the keys are.
    pub(super) fn parse(text: &'a str) -> Result<Self, ProviderError> {
        let broken = || ProviderError::Claim("the identity token is none");
        let (message, signature) = text.rsplit_once('.').filter(|_| text.len() <= LONGEST).ok_or_else(broken)?;
        let (header, claims) = message.split_once('.').ok_or_else(broken)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| broken())?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| broken())?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| broken())?;
        if !is_taken(&header.alg) {
            return Err(ProviderError::Algorithm(header.alg.chars().take(32).collect()));
        }
        // RFC 7515, section 4.1.11: what has to be understood is not.
        if header.crit.is_some() {
            return Err(ProviderError::Claim("the identity token has extensions that have to be understood"));
        }
        Ok(Self { header, message, claims, signature })
    }

    /// The name of the key that it is signed with.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }
}

impl Keys {
    /// Keys that are not understood, or not for signatures, are left out: a set may have any.
    pub(super) fn new(set: &Map<String, Value>) -> Self {
        let listed = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let keys = listed.iter().take(MOST).filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        Self(keys.filter_map(Key::read).collect())
    }

    /// Whether there is such a key; any where a token names none.
    pub(super) fn has(&self, id: Option<&str>) -> bool {
        id.is_none_or(|id| self.0.iter().any(|key| key.id.as_deref() == Some(id)))
    }

    /// The claims of a token that one of these keys has signed. Whom it is for is not looked at.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<Map<String, Value>, ProviderError> {
        let algorithm = token.header.alg.as_str();
        let named = |key: &&Key| token.key_id().is_none_or(|id| key.id.as_deref() == Some(id));
        let mut fitting = self.0.iter().filter(named).filter(|key| key.makes(algorithm));
        // Without a name it has to be clear which one is meant (OpenID Connect Core 1.0, section 10.1).
        let (Some(key), None) = (fitting.next(), fitting.next()) else { return Err(ProviderError::UnknownKey) };
        if !key.material.has_signed(algorithm, token.message.as_bytes(), &token.signature) {
            return Err(ProviderError::Claim("the identity token's signature is wrong"));
        }
        let claims = URL_SAFE_NO_PAD.decode(token.claims).ok();
        let claims = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        claims.ok_or(ProviderError::Claim("the identity token's claims cannot be read"))
    }
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        if jwk.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        let part = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let point = |size: usize| {
            let (x, y) = (part(&jwk.x)?, part(&jwk.y)?);
            // Uncompressed (SEC 1, section 2.3.3).
            (x.len() == size && y.len() == size).then(|| [&[4], &x[..], &y[..]].concat())
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: part(&jwk.n)?, e: part(&jwk.e)? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(part(&jwk.x).filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Self { id: jwk.kid, algorithm: jwk.alg, material })
    }

    /// Whether it makes these signatures, by its kind and by its own word.
    fn makes(&self, algorithm: &str) -> bool {
        let said = self.algorithm.as_ref().is_none_or(|said| said == algorithm);
        said && match self.material {
            Material::Rsa { .. } => rsa(algorithm).is_some(),
            Material::P256(_) => algorithm == "ES256",
            Material::P384(_) => algorithm == "ES384",
            Material::Ed25519(_) => matches!(algorithm, "EdDSA" | "Ed25519"),
        }
    }
}

impl Material {
    fn has_signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let by = |kind: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(kind, key).verify(message, signature).is_ok()
        };
        match self {
            Self::Rsa { n, e } => rsa(algorithm)
                .is_some_and(|kind| RsaPublicKeyComponents { n, e }.verify(kind, message, signature).is_ok()),
            Self::P256(point) => by(&ECDSA_P256_SHA256_FIXED, point),
            Self::P384(point) => by(&ECDSA_P384_SHA384_FIXED, point),
            Self::Ed25519(point) => by(&ED25519, point),
        }
    }
}

fn is_taken(algorithm: &str) -> bool {
    rsa(algorithm).is_some() || matches!(algorithm, "ES256" | "ES384" | "EdDSA" | "Ed25519")
}

/// Algorithms of RSA keys (RFC 7518, section 3.1); keys below 2,048 bits are refused by all of them.
fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PublicKeyData, SigningKey};
    use serde_json::json;

    use super::*;

    fn encoded(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The key of a provider, and its public half as a set has it.
    fn provider() -> (KeyPair, Value) {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one", "use": "sig", "x": encoded(key.der_bytes()) });
        (key, jwk)
    }

    fn signed(key: &KeyPair, header: Value) -> String {
        let message = format!("{}.{}", encoded(header.to_string()), encoded(json!({ "sub": "7" }).to_string()));
        let signature = key.sign(message.as_bytes()).unwrap();
        format!("{message}.{}", encoded(signature))
    }

    fn set(keys: &[Value]) -> Keys {
        Keys::new(json!({ "keys": keys }).as_object().unwrap())
    }

    fn check(keys: &Keys, token: &str) -> Result<Map<String, Value>, String> {
        let token = Token::parse(token).map_err(|error| error.to_string())?;
        keys.verify(&token).map_err(|error| error.to_string())
    }

    #[test]
    fn only_a_key_of_the_provider_makes_a_token() {
        let (key, jwk) = provider();
        let keys =
            set(&[json!({ "kty": "oct", "k": "AAAA" }), json!(3), json!({ "kty": "EC", "crv": "P-256" }), jwk.clone()]);
        let good = signed(&key, json!({ "alg": "EdDSA", "kid": "one" }));
        assert_eq!(check(&keys, &good).unwrap()["sub"], "7");
        let nameless = signed(&key, json!({ "alg": "EdDSA" }));
        assert!(check(&keys, &nameless).is_ok());
        let two = set(&[jwk.clone(), provider().1]);
        assert!(check(&two, &nameless).unwrap_err().contains("does not have"), "which one is not said");

        let other = provider().0;
        let cut = good.rsplit_once('.').unwrap().0;
        let (head, rest) = good.split_once('.').unwrap();
        let edited =
            format!("{head}.{}.{}", encoded(json!({ "sub": "8" }).to_string()), rest.split_once('.').unwrap().1);
        for (token, expected) in [
            (signed(&other, json!({ "alg": "EdDSA", "kid": "one" })), "signature is wrong"),
            (edited, "signature is wrong"),
            (signed(&key, json!({ "alg": "EdDSA", "kid": "two" })), "does not have"),
            (signed(&key, json!({ "alg": "ES256", "kid": "one" })), "does not have"),
            (signed(&key, json!({ "alg": "RS256", "kid": "one" })), "does not have"),
            (signed(&key, json!({ "alg": "none", "kid": "one" })), "with none"),
            (signed(&key, json!({ "alg": "HS256", "kid": "one" })), "with HS256"),
            (signed(&key, json!({ "alg": "eddsa", "kid": "one" })), "with eddsa"),
            (signed(&key, json!({ "alg": "EdDSA", "kid": "one", "crit": ["exp"] })), "understood"),
            (signed(&key, json!({ "kid": "one" })), "is none"),
            (format!("{cut}."), "signature is wrong"),
            (cut.to_owned(), "is none"),
            ("a.b.c".to_owned(), "is none"),
            (String::new(), "is none"),
            (format!("{good}{}", "A".repeat(LONGEST)), "is none"),
        ] {
            let refused = check(&keys, &token).unwrap_err();
            assert!(refused.contains(expected), "{refused}: {token}");
        }
    }

    #[test]
    fn a_key_is_for_what_it_says() {
        let (key, jwk) = provider();
        let token = signed(&key, json!({ "alg": "EdDSA", "kid": "one" }));
        let with = |name: &str, value: Value| {
            let mut jwk = jwk.clone();
            jwk[name] = value;
            check(&set(&[jwk]), &token).is_ok()
        };
        assert!(with("alg", json!("EdDSA")) && with("use", json!("sig")));
        assert!(!with("alg", json!("ES256")) && !with("use", json!("enc")));
        assert!(!with("x", json!("AAAA")) && !with("crv", json!("P-256")) && !with("kty", json!("oct")));
    }

    #[test]
    fn every_kind_of_key_is_verified() {
        let ec = |algorithm, name: &str, curve: &str, size: usize| {
            let key = KeyPair::generate_for(algorithm).unwrap();
            // rcgen signs in the form of certificates (ASN.1), tokens have the two numbers side by side.
            let point = key.der_bytes()[1..].to_vec();
            let (x, y) = point.split_at(size);
            let jwk = json!({ "kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y) });
            let message = format!("{}.{}", encoded(json!({ "alg": name }).to_string()), encoded("{}"));
            let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
                if size == 32 {
                    &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING
                } else {
                    &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING
                },
                &key.serialize_der(),
            );
            let signature = pair.unwrap().sign(&aws_lc_rs::rand::SystemRandom::new(), message.as_bytes()).unwrap();
            (jwk, format!("{message}.{}", encoded(signature)))
        };
        let kinds = [
            ec(&rcgen::PKCS_ECDSA_P256_SHA256, "ES256", "P-256", 32),
            ec(&rcgen::PKCS_ECDSA_P384_SHA384, "ES384", "P-384", 48),
        ];
        for (number, (jwk, token)) in kinds.iter().enumerate() {
            check(&set(std::slice::from_ref(jwk)), token).unwrap();
            let others = &kinds[1 - number].0;
            assert!(check(&set(std::slice::from_ref(others)), token).is_err());
        }
        use aws_lc_rs::signature::KeyPair as _;
        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let public = key.public_key();
        let (n, e) =
            (public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero());
        let keys = set(&[json!({ "kty": "RSA", "n": encoded(n), "e": encoded(e) })]);
        for (name, kind) in [
            ("RS256", &aws_lc_rs::signature::RSA_PKCS1_SHA256),
            ("RS512", &aws_lc_rs::signature::RSA_PKCS1_SHA512),
            ("PS256", &aws_lc_rs::signature::RSA_PSS_SHA256),
        ] {
            let message = format!("{}.{}", encoded(json!({ "alg": name }).to_string()), encoded("{}"));
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(kind, &aws_lc_rs::rand::SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
            check(&keys, &format!("{message}.{}", encoded(&signature))).unwrap();
            signature[9] ^= 1;
            assert!(check(&keys, &format!("{message}.{}", encoded(signature))).is_err(), "{name}");
        }
    }
}
