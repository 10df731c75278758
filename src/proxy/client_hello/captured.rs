//! ClientHellos of real clients, for the tests.

/// What real clients sent, captured on a plain socket. The JA3 beside each is what tshark 4.0.17 prints for it, the JA4
/// what the Python package ja4plus 1.4.0 computes, both fed the same bytes in a packet capture.
pub(super) const CAPTURED: [(&str, &str, &str); 5] = [
    // openssl s_client -servername lab.test -alpn xmpp-client -status
    (include_str!("fixtures/openssl-3.0.19-tls13.hex"), "6dfd110ecec56cf3479112379fa202ad", "t13d3112xt_e8f1e7e78f70_f6eeaf393d2e"),
    // openssl s_client -tls1_2 -noservername
    (include_str!("fixtures/openssl-3.0.19-tls12.hex"), "fbe7e189e37a07ee33706f86bc746344", "t12i280600_d943125447b4_e7e480e5a997"),
    // ssl.create_default_context().wrap_socket(…, server_hostname="lab.test")
    (include_str!("fixtures/python-3.11.7.hex"), "93c7d42c0df602fb91589311534831f5", "t13d181100_85036bcba153_d41ae481755e"),
    // gnutls-cli --alpn xmpp-client
    (include_str!("fixtures/gnutls-3.7.9.hex"), "6af33c9e05452609f615c60bfdef7ce7", "t13d2914xt_723694b0fccc_2cc26d266019"),
    // tls.Dial with ServerName and NextProtos
    (include_str!("fixtures/go-1.19.8.hex"), "3fed133de60c35724739b913924b6c24", "t13d1910xt_9dc949149365_97f8aa674fd9"),
];

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap()).collect()
}
