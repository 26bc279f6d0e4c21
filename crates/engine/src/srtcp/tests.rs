use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte"))
        .collect()
}

fn array<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    hex(text).try_into().expect("as long as it should be")
}

/// RFC 3711 appendix B.3.
#[test]
fn keys_are_derived_as_the_standard_says() {
    let provider = crate::dtls::crypto();
    let master = Master::<16, 14> {
        key: array("E1F97A0D3E018BE0D64FA32C06DE4139"),
        salt: array("0EC675AD498AFEEBB6960B3AABE6"),
    };
    let srtp = provider.srtp_provider;
    assert_eq!(
        master.derive(srtp, 0),
        array::<16>("C61E7A93744F39EE10734AFE3FF7A087")
    );
    assert_eq!(
        master.derive(srtp, 1),
        array::<20>("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
    assert_eq!(
        master.derive(srtp, 2),
        array::<14>("30CBBC08863D8C85D49DB34A9AE1")
    );
}

const PLAIN: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
    deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const SALT: &str = "517569642070726f2071756f";
const INDEX: u32 = 0x5d4;

/// RFC 7714 §17.1 and §17.3.
#[test]
fn packets_are_sealed_as_the_standard_says() {
    let srtp = crate::dtls::crypto().srtp_provider;
    let key = array("000102030405060708090a0b0c0d0e0f");
    let cipher = srtp.aead_aes_128_gcm().create_cipher(key, true);
    let mut srtcp = Srtcp {
        cipher: Cipher::Gcm128(cipher, array(SALT)),
        index: INDEX,
    };
    assert_eq!(
        srtcp.protect(&hex(PLAIN)).expect("sealed"),
        hex(
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
             4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
        )
    );
    assert_eq!(srtcp.index, INDEX + 1);

    let key = array("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let cipher = srtp.aead_aes_256_gcm().create_cipher(key, true);
    let mut srtcp = Srtcp {
        cipher: Cipher::Gcm256(cipher, array(SALT)),
        index: INDEX,
    };
    assert_eq!(
        srtcp.protect(&hex(PLAIN)).expect("sealed"),
        hex(
            "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be\
             8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4"
        )
    );
}

#[test]
fn packets_in_counter_mode_open_with_the_same_keys() {
    let provider = crate::dtls::crypto();
    let material: Vec<u8> = (0..60).collect();
    let keys = Keys {
        profile: SrtpProfile::AES128_CM_SHA1_80,
        material: material.clone(),
    };
    for client in [true, false] {
        let mut srtcp = Srtcp::new(&provider, &keys, client).expect("keys");
        srtcp.index = 7;
        let plain = hex(PLAIN);
        let packet = srtcp.protect(&plain).expect("sealed");
        assert_eq!(packet.len(), plain.len() + 4 + 10);
        assert_eq!(packet[..8], plain[..8]);

        let master = Master::<16, 14>::of(&material, client).expect("keys");
        let srtp = provider.srtp_provider;
        let (signed, tag) = packet.split_at(packet.len() - 10);
        let key: [u8; 20] = master.derive(srtp, AUTHENTICATION_KEY);
        assert_eq!(
            provider.sha1_hmac_provider.sha1_hmac(&key, &[signed])[..10],
            *tag
        );
        let (sealed, index) = signed.split_at(signed.len() - 4);
        assert_eq!(index, (ENCRYPTED | 7).to_be_bytes());
        let key = master.derive(srtp, CIPHER_KEY);
        let mut cipher = srtp.aes_128_cm_sha1_80().create_cipher(key, false);
        let iv = Aes128CmSha1_80::rtp_iv(master.derive(srtp, super::SALT), 0x4d61_7273, 7);
        let mut opened = vec![0; sealed.len() - 8 + BLOCK];
        cipher
            .decrypt(&iv, &sealed[8..], &mut opened)
            .expect("opened");
        assert_eq!(opened[..plain.len() - 8], plain[8..]);
    }
}

#[test]
fn short_material_makes_no_keys() {
    let provider = crate::dtls::crypto();
    for profile in [
        SrtpProfile::AES128_CM_SHA1_80,
        SrtpProfile::AEAD_AES_128_GCM,
        SrtpProfile::AEAD_AES_256_GCM,
    ] {
        let keys = Keys {
            profile,
            material: vec![0; 55],
        };
        assert!(Srtcp::new(&provider, &keys, false).is_none());
    }
}
