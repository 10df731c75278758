//! S-12: a canary in every secret and content field of a session, at the most talkative log level. No artefact holds it, in any disguise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::rig::{AUTH, BIND, BOUND, Bench, Ended, FEATURES, HEADER, OFFER, Peer, Proxy, SERVER_HEADER, SUCCESS, Server, http};

/// A text of 128 random bits, for one place.
struct Canary {
    place: &'static str,
    text: String,
}

#[derive(Default)]
struct Canaries(Vec<Canary>);

impl Canaries {
    /// The template with a new canary at `%`.
    fn plant(&mut self, place: &'static str, template: &str) -> String {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).unwrap();
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let planted = template.replace('%', &text);
        self.0.push(Canary { place, text });
        planted
    }

    /// The template with, at `%`, `inner` in base64, which holds a new canary at its own `%`.
    fn plant_encoded(&mut self, place: &'static str, template: &str, inner: &str) -> String {
        let inner = self.plant(place, inner);
        template.replace('%', &BASE64.encode(inner))
    }
}

/// The text as it is, in base64 at every offset, in hex, and percent-encoded.
pub fn disguises(text: &str) -> Vec<String> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut all = vec![text.to_owned(), hex.to_uppercase(), hex, percent.to_lowercase(), percent];
    for offset in 0..3 {
        let encoded = BASE64.encode([&b"abc"[..offset], text.as_bytes()].concat());
        // The first group mixes with what comes before, the last with what follows.
        let inside = &encoded[if offset == 0 { 0 } else { 4 }..encoded.len() - 4];
        all.extend([inside.to_owned(), inside.replace('+', "-").replace('/', "_")]);
    }
    all
}

#[track_caller]
fn nowhere(canaries: &Canaries, artefacts: &[(String, String)]) {
    let mut found = Vec::new();
    for canary in &canaries.0 {
        for disguise in disguises(&canary.text) {
            for (name, text) in artefacts {
                if let Some(at) = text.find(&disguise) {
                    let around = text.as_bytes()[at.saturating_sub(120)..(at + 120).min(text.len())].to_vec();
                    found.push(format!("{} in {name}: …{}…", canary.place, String::from_utf8_lossy(&around)));
                }
            }
        }
    }
    found.dedup();
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

/// Everything that a run left or said.
fn artefacts(bench: &Bench, ended: &Ended, metrics: String) -> Vec<(String, String)> {
    let mut all = vec![("stdout".into(), ended.said.out.clone()), ("stderr".into(), ended.said.err.clone()), ("/metrics".into(), metrics)];
    for entry in std::fs::read_dir(&ended.directory).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        all.push((path.file_name().unwrap().to_string_lossy().into_owned(), text));
    }
    let report = bench.run(&["report", ended.directory.to_str().unwrap()]);
    all.push(("report".into(), report.out + &report.err));
    all
}

/// The first session: SASL PLAIN, then everything a client and a server say after login. Each entry: place, who says it, what.
const AFTER_LOGIN: &[(&str, char, &str)] = &[
    ("message body", 'c', "<message to='ben@lab.test' type='chat'><body>% and more</body></message>"),
    ("message body, one word", 'c', "<message to='ben@lab.test' type='chat'><body>%</body></message>"),
    ("received body", 's', "<message from='ben@lab.test/x' type='chat'><body>%</body></message>"),
    ("subject", 'c', "<message to='ben@lab.test'><subject>%</subject></message>"),
    (
        "XHTML body",
        'c',
        "<message to='ben@lab.test'><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>%</p></body></html></message>",
    ),
    (
        "carbon copy",
        's',
        "<message from='ann@lab.test'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='ben@lab.test' from='ann@lab.test/y'><body>%</body></message></forwarded></sent></message>",
    ),
    (
        "archived message",
        's',
        "<message from='ann@lab.test'><result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='ben@lab.test'><body>%</body></message></forwarded></result></message>",
    ),
    (
        "error echo",
        's',
        "<message from='ben@lab.test' type='error'><body>%</body><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
    ),
    ("aesgcm key in a body", 'c', "<message to='ben@lab.test'><body>aesgcm://up.lab.test/a/f.bin#%</body></message>"),
    (
        "aesgcm key in out-of-band data",
        'c',
        "<message to='ben@lab.test'><x xmlns='jabber:x:oob'><url>aesgcm://up.lab.test/a/f.bin#%</url></x></message>",
    ),
    (
        "query of a URL",
        'c',
        "<message to='ben@lab.test'><x xmlns='jabber:x:oob'><url>https://up.lab.test/a/f.bin?token=%</url></x></message>",
    ),
    ("password in a URL", 'c', "<message to='ben@lab.test'><x xmlns='jabber:x:oob'><url>https://ann:%@up.lab.test/a</url></x></message>"),
    ("real-time text", 'c', "<message to='ben@lab.test'><rtt xmlns='urn:xmpp:rtt:0' seq='1'><t>%</t></rtt></message>"),
    (
        "OMEMO payload",
        'c',
        "<message to='ben@lab.test'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>QUJD</key><iv>QUJDREVGR0hJSktM</iv></header><payload>%</payload></encrypted></message>",
    ),
    (
        "OMEMO key",
        'c',
        "<message to='ben@lab.test'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>%</key><iv>QUJDREVGR0hJSktM</iv></header><payload>QUJD</payload></encrypted></message>",
    ),
    (
        "in-band bytes",
        'c',
        "<iq type='set' id='i' to='ben@lab.test/x'><data xmlns='http://jabber.org/protocol/ibb' seq='0' sid='s'>%</data></iq>",
    ),
    (
        "bits of binary",
        's',
        "<iq type='result' id='i' from='ben@lab.test/x'><data xmlns='urn:xmpp:bob' cid='sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org' type='image/png'>%</data></iq>",
    ),
    (
        "room password",
        'c',
        "<presence to='room@muc.lab.test/ann'><x xmlns='http://jabber.org/protocol/muc'><password>%</password></x></presence>",
    ),
    (
        "password in an invitation",
        'c',
        "<message to='room@muc.lab.test'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='ben@lab.test'/><password>%</password></x></message>",
    ),
    (
        "password in a direct invitation",
        'c',
        "<message to='ben@lab.test'><x xmlns='jabber:x:conference' jid='room@muc.lab.test' password='%'/></message>",
    ),
    (
        "room configuration",
        'c',
        "<iq type='set' id='r' to='room@muc.lab.test'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_roomsecret'><value>%</value></field></x></query></iq>",
    ),
    (
        "room configuration shown",
        's',
        "<iq type='result' id='r' from='room@muc.lab.test'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='form'><field var='muc#roomconfig_roomsecret' type='text-private'><value>%</value></field></x></query></iq>",
    ),
    (
        "password of a destroyed room's successor",
        'c',
        "<iq type='set' id='d' to='room@muc.lab.test'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='new@muc.lab.test'><password>%</password></destroy></query></iq>",
    ),
    (
        "registration password",
        'c',
        "<iq type='set' id='g'><query xmlns='jabber:iq:register'><username>ann</username><password>%</password></query></iq>",
    ),
    (
        "registration form",
        'c',
        "<iq type='set' id='g'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='username'><value>ann</value></field><field var='password'><value>%</value></field></x></query></iq>",
    ),
    (
        "a private field of any form",
        'c',
        "<iq type='set' id='h' to='bot@lab.test'><command xmlns='http://jabber.org/protocol/commands' node='urn:example:x' action='complete'><x xmlns='jabber:x:data' type='submit'><field var='pin' type='text-private'><value>%</value></field></x></command></iq>",
    ),
    (
        "password set by an administrator",
        'c',
        "<iq type='set' id='h' to='lab.test'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#change-user-password'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/admin</value></field><field var='accountjid'><value>ben@lab.test</value></field><field var='password'><value>%</value></field></x></command></iq>",
    ),
    (
        "old login, password",
        'c',
        "<iq type='set' id='o'><query xmlns='jabber:iq:auth'><username>ann</username><password>%</password><resource>x</resource></query></iq>",
    ),
    (
        "old login, digest",
        'c',
        "<iq type='set' id='o'><query xmlns='jabber:iq:auth'><username>ann</username><digest>%</digest><resource>x</resource></query></iq>",
    ),
    (
        "bookmark password, private storage",
        'c',
        "<iq type='set' id='p'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='room@muc.lab.test'><nick>ann</nick><password>%</password></conference></storage></query></iq>",
    ),
    (
        "bookmark password, PEP",
        'c',
        "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='room@muc.lab.test'><conference xmlns='urn:xmpp:bookmarks:1'><nick>ann</nick><password>%</password></conference></item></publish></pubsub></iq>",
    ),
    (
        "bookmark password, fetched",
        's',
        "<iq type='result' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'><item id='room@muc.lab.test'><conference xmlns='urn:xmpp:bookmarks:1'><nick>ann</nick><password>%</password></conference></item></items></pubsub></iq>",
    ),
    (
        "note about a contact",
        'c',
        "<iq type='set' id='p'><query xmlns='jabber:iq:private'><storage xmlns='storage:rosternotes'><note jid='ben@lab.test'>% was here</note></storage></query></iq>",
    ),
    (
        "upload authorisation",
        's',
        "<iq type='result' id='u' from='up.lab.test'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://up.lab.test/p/f.bin'><header name='Authorization'>Bearer %</header></put><get url='https://up.lab.test/g/f.bin'/></slot></iq>",
    ),
    (
        "upload cookie",
        's',
        "<iq type='result' id='u' from='up.lab.test'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://up.lab.test/p/f.bin'><header name='Cookie'>a=%</header></put><get url='https://up.lab.test/g/f.bin'/></slot></iq>",
    ),
    (
        "query of an upload URL",
        's',
        "<iq type='result' id='u' from='up.lab.test'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://up.lab.test/p/f.bin?v=%'/><get url='https://up.lab.test/g/f.bin'/></slot></iq>",
    ),
    (
        "query of a download URL",
        's',
        "<iq type='result' id='u' from='up.lab.test'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://up.lab.test/p/f.bin'/><get url='https://up.lab.test/g/f.bin?v=%'/></slot></iq>",
    ),
    (
        "TURN password",
        's',
        "<iq type='result' id='t'><services xmlns='urn:xmpp:extdisco:2'><service type='turn' host='turn.lab.test' port='3478' username='u' password='%'/></services></iq>",
    ),
    (
        "push secret",
        'c',
        "<iq type='set' id='n'><enable xmlns='urn:xmpp:push:0' jid='push.lab.test' node='n1'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='secret'><value>%</value></field></x></enable></iq>",
    ),
    ("stream id of stream management", 's', "<enabled xmlns='urn:xmpp:sm:3' id='%' resume='true'/>"),
    ("resumption", 'c', "<resume xmlns='urn:xmpp:sm:3' previd='%' h='1'/>"),
    ("resumed", 's', "<resumed xmlns='urn:xmpp:sm:3' previd='%' h='1'/>"),
    ("invitation token", 'c', "<iq type='set' id='v'><preauth xmlns='urn:xmpp:pars:0' token='%'/></iq>"),
    (
        "invitation token in presence",
        'c',
        "<presence to='ben@lab.test' type='subscribe'><preauth xmlns='urn:xmpp:pars:0' token='%'/></presence>",
    ),
    (
        "ICE password",
        'c',
        "<iq type='set' id='j' to='ben@lab.test/x'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'><content creator='initiator' name='a'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u' pwd='%'/></content></jingle></iq>",
    ),
    (
        "OpenPGP secret key",
        'c',
        "<iq type='set' id='k'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:openpgp:0:secret-key'><item><secretkey xmlns='urn:xmpp:openpgp:0'>%</secretkey></item></publish></pubsub></iq>",
    ),
    ("OpenPGP message", 'c', "<message to='ben@lab.test'><openpgp xmlns='urn:xmpp:openpgp:0'>%</openpgp></message>"),
    (
        "OAuth token",
        'c',
        "<iq type='set' id='a' to='lab.test'><oauth xmlns='urn:xmpp:oauth:0'><oauth_consumer_key>k</oauth_consumer_key><oauth_token>%</oauth_token><oauth_signature>%</oauth_signature></oauth></iq>",
    ),
    ("text in an unknown namespace", 'c', "<message to='ben@lab.test'><x xmlns='urn:example:unknown'>% and more</x></message>"),
    ("a word in an unknown namespace", 'c', "<message to='ben@lab.test'><x xmlns='urn:example:unknown'>%</x></message>"),
    ("an attribute in an unknown namespace", 's', "<message from='lab.test'><x xmlns='urn:example:unknown' key='%'/></message>"),
];

fn plain_login(canaries: &mut Canaries, client: &mut Peer, server: &mut Peer) {
    client.says(HEADER, server);
    server.says(&format!("{SERVER_HEADER}{OFFER}"), client);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%</auth>";
    client.says(&canaries.plant_encoded("SASL PLAIN password", auth, "\0ann\0%"), server);
    server.says(SUCCESS, client);
    client.says(HEADER, server);
    server.says(&format!("{SERVER_HEADER}{FEATURES}"), client);
    client.says(BIND, server);
    server.says(BOUND, client);
}

fn scram_login(canaries: &mut Canaries, client: &mut Peer, server: &mut Peer) {
    client.says(HEADER, server);
    server.says(&format!("{SERVER_HEADER}{OFFER}"), client);
    let sasl = |name: &str| format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%</{name}>");
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>%</auth>";
    client.says(&canaries.plant_encoded("SCRAM client nonce", auth, "n,,n=ann,r=%"), server);
    server.says(&canaries.plant_encoded("SCRAM challenge", &sasl("challenge"), "r=abc,s=%,i=4096"), client);
    client.says(&canaries.plant_encoded("SCRAM proof", &sasl("response"), "c=biws,r=abc,p=%"), server);
    server.says(&canaries.plant_encoded("SCRAM server signature", &sasl("success"), "v=%"), client);
}

fn sasl2_login(canaries: &mut Canaries, client: &mut Peer, server: &mut Peer) {
    client.says(HEADER, server);
    let offer = "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication></stream:features>";
    server.says(&format!("{SERVER_HEADER}{offer}"), client);
    let authenticate = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%</initial-response><user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>x</software></user-agent><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/></authenticate>";
    client.says(&canaries.plant_encoded("SASL2 PLAIN password", authenticate, "\0ann\0%"), server);
    let success = "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>ann@lab.test/x</authorization-identifier><token xmlns='urn:xmpp:fast:0' expiry='2030-01-01T00:00:00Z' token='%'/></success>";
    server.says(&canaries.plant("FAST token", success), client);
}

fn fast_login(canaries: &mut Canaries, client: &mut Peer, server: &mut Peer) {
    client.says(HEADER, server);
    server.says(&format!("{SERVER_HEADER}{OFFER}"), client);
    let authenticate = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>%</initial-response><fast xmlns='urn:xmpp:fast:0'/></authenticate>";
    client.says(&canaries.plant_encoded("FAST login", authenticate, "ann\0%"), server);
    let success = "<success xmlns='urn:xmpp:sasl:2'><additional-data>%</additional-data><authorization-identifier>ann@lab.test/x</authorization-identifier></success>";
    server.says(&canaries.plant_encoded("additional data of a success", success, "%"), client);
}

fn bearer_login(canaries: &mut Canaries, client: &mut Peer, server: &mut Peer) {
    client.says(HEADER, server);
    server.says(&format!("{SERVER_HEADER}{OFFER}"), client);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='OAUTHBEARER'>%</auth>";
    client.says(&canaries.plant_encoded("OAuth bearer token", auth, "n,a=ann@lab.test,\u{1}auth=Bearer %\u{1}\u{1}"), server);
    server.says("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>", client);
    let odd = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='X-UNHEARD-OF'>%</auth>";
    client.says(&canaries.plant_encoded("unknown mechanism", odd, "%"), server);
    server.says(
        &canaries.plant(
            "failure text",
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/><x xmlns='urn:example:unknown'>%</x></failure>",
        ),
        client,
    );
}

#[test]
fn no_secret_reaches_an_artefact() {
    let (bench, server) = (Bench::new(), Server::new());
    let mut canaries = Canaries::default();
    let declared = canaries.plant("a declared canary", "canaries = [\"%\"]\n");
    std::fs::write(bench.path("stanzascope.toml"), declared).unwrap();
    let proxy = Proxy::start_with(&bench, &server, &[], |command| _ = command.env("STANZASCOPE_LOG", "trace"));

    let (mut client, mut upstream) = proxy.connect(&server);
    plain_login(&mut canaries, &mut client, &mut upstream);
    for (place, by, template) in AFTER_LOGIN {
        let said = canaries.plant(place, template);
        match by {
            'c' => client.says(&said, &mut upstream),
            _ => upstream.says(&said, &mut client),
        }
    }
    // One that cannot be read, and one that never ends.
    client.says(&canaries.plant("what is not well formed", "<message to='ben@lab.test'><body>%</bod></message>"), &mut upstream);
    upstream.says(&canaries.plant("what does not end", "<message from='ben@lab.test'><body>%"), &mut client);
    drop((client, upstream));
    for login in [scram_login, sasl2_login, fast_login, bearer_login] {
        let (mut client, mut upstream) = proxy.connect(&server);
        login(&mut canaries, &mut client, &mut upstream);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    let metrics = http(proxy.metrics(), "GET /metrics HTTP/1.1\r\nHost: HOST\r\n\r\n");
    let ended = proxy.stop(&bench);
    ended.said.ended(0, &[]);
    let artefacts = artefacts(&bench, &ended, metrics);

    // The session did happen, and the search would find something.
    let records = ended.records();
    assert!(records.iter().filter(|r| r["type"] == "stanza").count() > AFTER_LOGIN.len());
    assert!(artefacts.iter().any(|(name, text)| name == "records.jsonl" && text.contains("room@muc.lab.test")));
    assert!(artefacts.iter().any(|(name, text)| name == "/metrics" && text.contains("stanzascope_exposures_total")));
    nowhere(&canaries, &artefacts);
}

#[test]
fn disguises_are_seen_through() {
    let text = "0123456789abcdef0123456789abcdef";
    for around in ["", "x", "xy", "xyz"] {
        let hidden = [
            format!("{around}{text}!"),
            BASE64.encode(format!("{around}{text}!")),
            format!("{around}%30%31{}", &disguises(text)[4][6..]),
            disguises(text)[1].clone(),
        ];
        for hidden in hidden {
            assert!(disguises(text).iter().any(|disguise| hidden.contains(disguise.as_str())), "{hidden}");
        }
    }
    assert!(!AUTH.contains(text));
}
