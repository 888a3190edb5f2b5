//! Self-made certificates of any age. Written out by hand because the usual crate brings a second library of dates.
//!
//! Source: RFC 5280, section 4.1; RFC 5480 for the key.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use std::io;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;

const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate with its key.
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) key_pkcs8: Vec<u8>,
}

/// For `localhost` and 127.0.0.1, signed with its own key, valid between two dates in the form `YYMMDDhhmmssZ`.
pub(crate) fn make(common_name: &str, not_before: &str, not_after: &str) -> io::Result<Certificate> {
    let refused = |_| io::Error::other("the system gives no random numbers");
    let random = SystemRandom::new();
    let key_pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(refused)?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key_pkcs8.as_ref(), &random);
    let key = key.map_err(|error| io::Error::other(error.to_string()))?;
    let algorithm = der(SEQUENCE, &[der(OID, &[ECDSA_WITH_SHA256])]);
    let name = der(SEQUENCE, &[der(SET, &[der(SEQUENCE, &[der(OID, &[COMMON_NAME]), der(UTF8, &[common_name.as_bytes()])])])]);
    let validity = der(SEQUENCE, &[der(UTC_TIME, &[not_before.as_bytes()]), der(UTC_TIME, &[not_after.as_bytes()])]);
    let key_kind = der(SEQUENCE, &[der(OID, &[EC_PUBLIC_KEY]), der(OID, &[PRIME256V1])]);
    let public_key = der(SEQUENCE, &[key_kind, der(BITS, &[&[0], key.public_key().as_ref()])]);
    let names = der(SEQUENCE, &[der(0x82, &["localhost".as_bytes()]), der(0x87, &[&[127, 0, 0, 1][..]])]);
    let extension = der(SEQUENCE, &[der(OID, &[SUBJECT_ALT_NAME]), der(OCTETS, &[names])]);
    let signed = der(
        SEQUENCE,
        &[
            der(0xa0, &[der(INTEGER, &[&[2][..]])]),
            der(INTEGER, &[&[1][..]]),
            algorithm.clone(),
            name.clone(),
            validity,
            name,
            public_key,
            der(0xa3, &[der(SEQUENCE, &[extension])]),
        ],
    );
    let signature = key.sign(&random, &signed).map_err(refused)?;
    let whole = der(SEQUENCE, &[signed, algorithm, der(BITS, &[&[0], signature.as_ref()])]);
    Ok(Certificate { der: whole, key_pkcs8: key_pkcs8.as_ref().to_vec() })
}

/// One element of DER, of the parts one after the other.
fn der(tag: u8, parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let body: Vec<u8> = parts.iter().flat_map(|part| part.as_ref().iter().copied()).collect();
    let mut out = vec![tag];
    match u8::try_from(body.len()) {
        Ok(short @ 0..=0x7f) => out.push(short),
        Ok(medium) => out.extend([0x81, medium]),
        // No part of a certificate comes near 64 KiB.
        Err(_) => out.extend([0x82, (body.len() >> 8) as u8, body.len() as u8]),
    }
    out.extend(body);
    out
}
