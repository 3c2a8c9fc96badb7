//! Public keys as authenticators write them (RFC 9052 section 7, RFC 9053, RFC 8230), of the three
//! kinds that are asked for.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use minicbor::Decoder;
use minicbor::data::Type;

use super::ceremony::Flaw;

/// Algorithms in the order we like them: Ed25519, ES256, RS256.
pub(super) const ALGORITHMS: [i64; 3] = [EDDSA, ES256, RS256];
const EDDSA: i64 = -8;
const ES256: i64 = -7;
const RS256: i64 = -257;

/// Most bytes of a key: RSA with 4096 bits, and its labels.
const KEY_BYTES_MAX: usize = 640;
/// Most entries of a key; those in use have five.
const ENTRIES_MAX: u64 = 16;
/// Bytes of a coordinate of P-256 and of an Ed25519 key.
const COORDINATE_BYTES: usize = 32;
/// Bytes of an RSA modulus: 2048 to 4096 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// Most bytes of an RSA exponent.
const EXPONENT_BYTES_MAX: usize = 4;

/// Bytes of the key at the beginning of something.
pub(super) fn length(bytes: &[u8]) -> Result<usize, Flaw> {
    let mut decoder = Decoder::new(bytes);
    decoder.probe().map()?;
    decoder.skip()?;
    Ok(decoder.position())
}

/// The entries that matter. What `-1` to `-3` mean depends on the kind of key.
#[derive(Default)]
struct Entries<'a> {
    kind: Option<i64>,
    algorithm: Option<i64>,
    /// `-1` where it is a number: the curve.
    curve: Option<i64>,
    /// `-1` where it is bytes: the RSA modulus.
    modulus: Option<&'a [u8]>,
    /// `-2`: x, or the RSA exponent.
    second: Option<&'a [u8]>,
    /// `-3`: y.
    third: Option<&'a [u8]>,
}

/// Sets what may be set once.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Flaw> {
    if place.replace(value).is_some() { Err(Flaw::Malformed) } else { Ok(()) }
}

impl<'a> Entries<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Flaw> {
        if bytes.len() > KEY_BYTES_MAX {
            return Err(Flaw::Key);
        }
        let mut decoder = Decoder::new(bytes);
        let count = decoder.map()?.filter(|count| *count <= ENTRIES_MAX).ok_or(Flaw::Malformed)?;
        let mut entries = Self::default();
        for _ in 0..count {
            match decoder.i64()? {
                1 => once(&mut entries.kind, decoder.i64()?)?,
                3 => once(&mut entries.algorithm, decoder.i64()?)?,
                -1 if decoder.datatype()? == Type::Bytes => {
                    once(&mut entries.modulus, decoder.bytes()?)?;
                }
                -1 => once(&mut entries.curve, decoder.i64()?)?,
                -2 => once(&mut entries.second, decoder.bytes()?)?,
                -3 => once(&mut entries.third, decoder.bytes()?)?,
                _ => decoder.skip()?,
            }
        }
        if decoder.position() == bytes.len() { Ok(entries) } else { Err(Flaw::Malformed) }
    }
}

/// Reads a key and checks that it is one.
pub(super) fn public_key(bytes: &[u8]) -> Result<ParsedPublicKey, Flaw> {
    let entries = Entries::read(bytes)?;
    let coordinate = |value: Option<&[u8]>| {
        let value = value.ok_or(Flaw::Key)?;
        <[u8; COORDINATE_BYTES]>::try_from(value).map_err(|_| Flaw::Key)
    };
    // Key type and curve belong to the algorithm: RFC 9053, sections 2.1, 2.2 and 7; RFC 8812.
    match (entries.algorithm, entries.kind, entries.curve) {
        (Some(ES256), Some(2), Some(1)) => {
            let (x, y) = (coordinate(entries.second)?, coordinate(entries.third)?);
            // An uncompressed point (SEC 1, section 2.3.3).
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| Flaw::Key)
        }
        (Some(EDDSA), Some(1), Some(6)) => {
            ParsedPublicKey::new(&ED25519, coordinate(entries.second)?).map_err(|_| Flaw::Key)
        }
        (Some(RS256), Some(3), None) => {
            let n = entries.modulus.filter(|n| MODULUS_BYTES.contains(&n.len()));
            let e = entries.second.filter(|e| e.len() <= EXPONENT_BYTES_MAX);
            let (Some(n), Some(e)) = (n, e) else { return Err(Flaw::Key) };
            RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                .map_err(|_| Flaw::Key)
        }
        (Some(ES256 | EDDSA | RS256), ..) => Err(Flaw::Key),
        _ => Err(Flaw::Algorithm),
    }
}
