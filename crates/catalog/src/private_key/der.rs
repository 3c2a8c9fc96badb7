//! The little DER (X.690) that telling keys apart and writing public ones takes.

pub(super) const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;

/// `AlgorithmIdentifier` contents: an object identifier and its parameters.
pub(super) const RSA_ALGORITHM: &[u8] =
    &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 0x05, 0];
pub(super) const P256_ALGORITHM: &[u8] =
    &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(super) const P384_ALGORITHM: &[u8] =
    &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 5, 0x2b, 0x81, 4, 0, 0x22];
pub(super) const ED25519_ALGORITHM: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];

/// What a structure is, by the kinds of its first members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `PrivateKeyInfo` (RFC 5208).
    Pkcs8,
    /// `RSAPrivateKey` (RFC 8017 A.1.2).
    Pkcs1,
    /// `ECPrivateKey` (RFC 5915).
    Sec1,
    /// `EncryptedPrivateKeyInfo` (RFC 5208).
    Encrypted,
    /// `SubjectPublicKeyInfo` (RFC 5280).
    PublicSpki,
    /// `RSAPublicKey` (RFC 8017 A.1.1).
    PublicPkcs1,
    /// `Certificate` (RFC 5280).
    Certificate,
    Other,
}

pub(super) fn shape(der: &[u8]) -> Shape {
    let Some((SEQUENCE, mut rest, _)) = read(der) else {
        return Shape::Other;
    };
    let mut tags = Vec::new();
    while let Some((tag, _, after)) = read(rest).filter(|_| tags.len() < 4) {
        tags.push(tag);
        rest = after;
    }
    match tags.as_slice() {
        [INTEGER, SEQUENCE, OCTET_STRING, ..] => Shape::Pkcs8,
        [INTEGER, INTEGER, INTEGER, ..] => Shape::Pkcs1,
        [INTEGER, OCTET_STRING, ..] => Shape::Sec1,
        [INTEGER, INTEGER] => Shape::PublicPkcs1,
        [SEQUENCE, OCTET_STRING] => Shape::Encrypted,
        [SEQUENCE, BIT_STRING] => Shape::PublicSpki,
        [SEQUENCE, SEQUENCE, BIT_STRING] => Shape::Certificate,
        _ => Shape::Other,
    }
}

/// Tag, content and rest of the element at the start.
fn read(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let bytes = usize::from(first & 0x7f);
        if !(1..=4).contains(&bytes) {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(bytes)?;
        (digits.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A `SubjectPublicKeyInfo`.
pub(super) fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let mut bits = vec![0];
    bits.extend_from_slice(key);
    let mut content = element(SEQUENCE, algorithm);
    content.extend(element(BIT_STRING, &bits));
    element(SEQUENCE, &content)
}

/// An `RSAPrivateKey` of two primes: n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p.
pub(super) fn rsa_private_key(numbers: &[Vec<u8>]) -> Vec<u8> {
    let mut content = integer(&[0]);
    for number in numbers {
        content.extend(integer(number));
    }
    element(SEQUENCE, &content)
}

/// A non-negative integer.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut content = bytes[start..].to_vec();
    if content.first().is_none_or(|byte| byte & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(INTEGER, &content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if content.len() < 0x80 {
        out.push(content.len() as u8);
    } else {
        let length = content.len().to_be_bytes();
        let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
        out.push(0x80 | (length.len() - start) as u8);
        out.extend_from_slice(&length[start..]);
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_short_form_where_they_can() {
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0]), [2, 1, 0]);
        assert_eq!(element(SEQUENCE, &[0; 200])[..3], [0x30, 0x81, 200]);
        assert_eq!(element(SEQUENCE, &[0; 300])[..4], [0x30, 0x82, 1, 44]);
    }

    #[test]
    fn broken_lengths_are_no_structure() {
        for der in [&[][..], &[0x30], &[0x30, 0x80], &[0x30, 0x85, 1, 1, 1, 1, 1], &[0x30, 5, 2]] {
            assert_eq!(shape(der), Shape::Other, "{der:?}");
        }
    }
}
