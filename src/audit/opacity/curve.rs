//! Public keys and signatures: which keys are worthless, and whether a signature is that of an identity key (OPACITY 2.4).

use std::sync::LazyLock;

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{Signature, VerifyingKey};

/// Values of u, little-endian, that give zero with every private key: low order on the curve or its twist, and their second encodings
/// between 2^255-19 and 2^255. Compared after clearing the top bit, which X25519 ignores (RFC 7748 §5).
const LOW_ORDER_U: [[u8; 32]; 7] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
        0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
        0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    near_the_prime(0xec),
    near_the_prime(0xed),
    near_the_prime(0xee),
];

/// 2^255 - 256 + `last`.
const fn near_the_prime(last: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = last;
    bytes[31] = 0x7f;
    bytes
}

/// Whether a Diffie-Hellman with this Curve25519 key gives zero, whoever does it.
pub fn is_low_order(u: &[u8; 32]) -> bool {
    // The first byte tells nearly always.
    if !FIRST_BYTES[usize::from(u[0])] {
        return false;
    }
    let mut masked = *u;
    masked[31] &= 0x7f;
    LOW_ORDER_U.contains(&masked)
}

/// Which bytes a value of [`LOW_ORDER_U`] begins with.
const FIRST_BYTES: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < LOW_ORDER_U.len() {
        first[LOW_ORDER_U[at][0] as usize] = true;
        at += 1;
    }
    first
};

/// Encodings of the eight Ed25519 points of low order, signs left out, with those that are not reduced.
static LOW_ORDER_ED: LazyLock<Vec<[u8; 32]>> = LazyLock::new(|| {
    let unsigned = |mut bytes: [u8; 32]| {
        bytes[31] &= 0x7f;
        bytes
    };
    let points = EIGHT_TORSION.iter().map(|point| unsigned(point.compress().to_bytes()));
    points.chain([near_the_prime(0xed), near_the_prime(0xee)]).collect()
});

/// Whether an Ed25519 key is a point of low order: anybody can sign for it.
pub fn is_weak(key: &[u8; 32]) -> bool {
    let mut masked = *key;
    masked[31] &= 0x7f;
    // Comparing the first byte before all of them spares a call each.
    LOW_ORDER_ED.iter().any(|weak| weak[0] == masked[0] && *weak == masked)
}

/// Ed25519 (RFC 8032).
pub fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    use ed25519_dalek::Verifier as _;
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify(message, &Signature::from_bytes(signature)).is_ok())
}

/// As Signal signs with a Curve25519 key: Ed25519 with the key's other form, whose sign travels in the signature's top bit.
pub fn verify_legacy(u: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let mut signature = *signature;
    let sign = signature[63] >> 7;
    signature[63] &= 0x7f;
    MontgomeryPoint(*u).to_edwards(sign).is_some_and(|point| verify(point.compress().as_bytes(), message, &signature))
}

#[cfg(test)]
pub mod tests {
    use curve25519_dalek::scalar::{Scalar, clamp_integer};
    use ed25519_dalek::{Signer as _, SigningKey};
    use sha2::{Digest as _, Sha512};

    use super::*;

    /// The public key of a private one, and a function's worth of legacy signing: XEdDSA with a fixed nonce, for tests only.
    pub fn sign_legacy(private: [u8; 32], message: &[u8]) -> ([u8; 32], [u8; 64]) {
        let u = MontgomeryPoint::mul_base_clamped(private).to_bytes();
        let a = Scalar::from_bytes_mod_order(clamp_integer(private));
        let public = curve25519_dalek::EdwardsPoint::mul_base(&a).compress().to_bytes();
        let nonce = Scalar::from_bytes_mod_order(Sha512::digest([&private[..], message].concat())[..32].try_into().unwrap());
        let r = curve25519_dalek::EdwardsPoint::mul_base(&nonce).compress().to_bytes();
        let hash: [u8; 64] = Sha512::digest([&r[..], &public, message].concat()).into();
        let s = nonce + Scalar::from_bytes_mod_order_wide(&hash) * a;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(s.as_bytes());
        signature[63] |= public[31] & 0x80;
        (u, signature)
    }

    /// The list is that of X25519 itself: all of its values give zero, their neighbours and ordinary keys do not.
    #[test]
    fn low_order_is_what_x25519_says() {
        let zero = |u: &[u8; 32]| MontgomeryPoint(*u).mul_clamped([0x5a; 32]).to_bytes() == [0; 32];
        for u in LOW_ORDER_U {
            for top in [0, 0x80] {
                let mut u = u;
                u[31] |= top;
                assert!(is_low_order(&u) && zero(&u), "{u:02x?}");
            }
            for bit in 0..8 {
                let mut near = u;
                near[3] ^= 1 << bit;
                assert_eq!(is_low_order(&near), zero(&near), "{near:02x?}");
            }
        }
        for last in 0..=255 {
            let u = near_the_prime(last);
            assert_eq!(is_low_order(&u), zero(&u), "{u:02x?}");
            let u = MontgomeryPoint::mul_base_clamped([last; 32]).to_bytes();
            assert!(!is_low_order(&u) && !zero(&u));
        }
    }

    #[test]
    fn weak_keys_are_those_of_the_library() {
        for key in LOW_ORDER_ED.iter() {
            assert!(is_weak(key));
            assert!(VerifyingKey::from_bytes(key).is_ok_and(|key| key.is_weak()), "{key:02x?}");
        }
        assert!(!is_weak(SigningKey::from_bytes(&[3; 32]).verifying_key().as_bytes()));
    }

    #[test]
    fn signatures_of_both_kinds_verify() {
        let signing = SigningKey::from_bytes(&[3; 32]);
        let mut signature = signing.sign(b"spk").to_bytes();
        assert!(verify(signing.verifying_key().as_bytes(), b"spk", &signature));
        signature[7] ^= 1;
        assert!(!verify(signing.verifying_key().as_bytes(), b"spk", &signature));
        // Both signs occur.
        for private in 0..16 {
            let (u, mut signature) = sign_legacy([private; 32], b"spk");
            assert!(verify_legacy(&u, b"spk", &signature));
            signature[63] ^= 0x80;
            assert!(!verify_legacy(&u, b"spk", &signature));
        }
    }
}
