//! AES-128-CBC with PKCS #7 padding (RFC 8216, 4.3.2.4), piece by piece. The cryptography is the library's; here bytes are put into
//! blocks.

use aws_lc_rs::cipher::{AES_128, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use bytes::{Bytes, BytesMut};

use super::keys::KeyBytes;
use crate::tuner::fault::{Failure, UpstreamFault};

const BLOCK: usize = 16;

/// Decrypts one body.
pub(super) struct Decryptor {
    key: DecryptingKey,
    /// The ciphertext of the block before.
    before: [u8; BLOCK],
    /// The last block, which may be padding, and what is no whole block yet.
    held: BytesMut,
}

impl Decryptor {
    /// Starts a body.
    pub(super) fn new(key: &KeyBytes, iv: [u8; BLOCK]) -> Result<Self, Failure> {
        let key = UnboundCipherKey::new(&AES_128, key).and_then(DecryptingKey::cbc).map_err(refused)?;
        Ok(Self { key, before: iv, held: BytesMut::new() })
    }

    /// Takes ciphertext; gives the plaintext of all blocks but the last.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Bytes, Failure> {
        self.held.extend_from_slice(bytes);
        let whole = self.held.len().saturating_sub(1) / BLOCK * BLOCK;
        self.decrypt(whole)
    }

    /// The last block without its padding. Bodies that are not padded, as some providers send, lose nothing.
    pub(super) fn finish(&mut self) -> Result<Bytes, Failure> {
        if self.held.len() != BLOCK {
            let detail = "the encrypted segment does not consist of whole blocks".to_owned();
            return Err(Failure { fault: UpstreamFault::Broken, detail });
        }
        let mut last = self.decrypt(BLOCK)?;
        let padding = last.last().copied().unwrap_or_default();
        let is_padding = (1..=BLOCK).contains(&usize::from(padding))
            && last[BLOCK - usize::from(padding)..].iter().all(|byte| *byte == padding);
        if is_padding {
            last.truncate(BLOCK - usize::from(padding));
        }
        Ok(last)
    }

    fn decrypt(&mut self, length: usize) -> Result<Bytes, Failure> {
        let mut blocks = self.held.split_to(length);
        let Some(last) = blocks.last_chunk::<BLOCK>().copied() else { return Ok(Bytes::new()) };
        let context = DecryptionContext::Iv128(std::mem::replace(&mut self.before, last).into());
        self.key.decrypt(&mut blocks, context).map_err(refused)?;
        Ok(blocks.freeze())
    }
}

fn refused(_: Unspecified) -> Failure {
    Failure { fault: UpstreamFault::Key, detail: "the cipher refused it".to_owned() }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::EncryptingKey;

    use super::*;

    const KEY: KeyBytes = *b"sixteen byte key";
    const IV: [u8; BLOCK] = [7; BLOCK];

    fn encrypted(padded: &[u8]) -> Vec<u8> {
        let key = EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, &KEY).unwrap()).unwrap();
        let mut bytes = padded.to_vec();
        key.less_safe_encrypt(&mut bytes, aws_lc_rs::cipher::EncryptionContext::Iv128(IV.into())).unwrap();
        bytes
    }

    fn padded(plain: &[u8]) -> Vec<u8> {
        let padding = BLOCK - plain.len() % BLOCK;
        [plain, &vec![padding as u8; padding]].concat()
    }

    fn decrypted(cipher: &[u8], piece: usize) -> Result<Vec<u8>, UpstreamFault> {
        let mut decryptor = Decryptor::new(&KEY, IV).unwrap();
        let mut plain = Vec::new();
        for piece in cipher.chunks(piece) {
            plain.extend_from_slice(&decryptor.push(piece).unwrap());
        }
        plain.extend_from_slice(&decryptor.finish().map_err(|failure| failure.fault)?);
        Ok(plain)
    }

    #[test]
    fn whatever_the_pieces_the_text_comes_out() {
        for length in [0, 1, 15, 16, 17, 188, 1000] {
            let plain: Vec<u8> = (0..length).map(|n| n as u8 | 0x40).collect();
            for piece in [1, 15, 16, 17, 64, 5000] {
                assert_eq!(
                    decrypted(&encrypted(&padded(&plain)), piece).unwrap(),
                    plain,
                    "{length} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn without_padding_nothing_is_lost_and_a_cut_is_noticed() {
        let plain = [0x47; 64];
        assert_eq!(decrypted(&encrypted(&plain), 20).unwrap(), plain);
        assert_eq!(decrypted(&encrypted(&plain)[..50], 20), Err(UpstreamFault::Broken));
        assert_eq!(decrypted(&[], 20), Err(UpstreamFault::Broken));
    }

    #[test]
    fn a_known_answer() {
        // NIST SP 800-38A, F.2.2, first two blocks.
        let key = hex::decode("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let iv = hex::decode("000102030405060708090a0b0c0d0e0f").unwrap();
        let cipher = hex::decode("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2").unwrap();
        let mut decryptor = Decryptor::new(&key.try_into().unwrap(), iv.try_into().unwrap()).unwrap();
        let plain = [decryptor.push(&cipher).unwrap(), decryptor.finish().unwrap()].concat();
        assert_eq!(hex::encode(plain), "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    }
}
