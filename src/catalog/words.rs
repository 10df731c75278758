//! The closed vocabularies of the catalog: layers, patterns, categories and the like, by the names that records and metrics use.

macro_rules! closed_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The name used in records, metrics and the catalog.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use closed_enum;

closed_enum! {
    /// The four layers of messaging privacy.
    Layer {
        /// Connection, TLS, login before a resource exists.
        Transport = "transport",
        /// What the server stores, routes or makes because the protocol needs it.
        Server = "server",
        /// What client and user volunteer.
        Client = "client",
        /// Content, and what encrypts it.
        E2ee = "e2ee",
    }
}

closed_enum! {
    /// The messaging pattern a field typically matters in.
    Pattern {
        /// TLS only.
        TransportOnly = "transport_only",
        /// Protected by OMEMO.
        Omemo = "omemo",
        /// Several devices of one account.
        MultiDevice = "multi_device",
        /// Rooms.
        Group = "group",
        /// Files.
        FileTransfer = "file_transfer",
        /// Presence and finding contacts.
        PresenceContact = "presence_contact",
        /// All of them.
        Any = "any",
    }
}

closed_enum! {
    /// How much a field matters to the person it is about.
    Sensitivity {
        /// Protocol mechanics.
        Low = "low",
        /// Behaviour, settings, device traits.
        Medium = "medium",
        /// Names or stably identifies a person, contact, room or device.
        High = "high",
        /// Secrets, conversation content, exact whereabouts.
        Critical = "critical",
    }
}

closed_enum! {
    /// What a field is about.
    Category {
        /// Behaviour over time.
        Activity = "activity",
        /// Who someone is.
        Identity = "identity",
        /// Who knows whom.
        ContactGraph = "contact_graph",
        /// Client, library, system.
        Software = "software",
        /// Who is in which room.
        GroupMembership = "group_membership",
        /// Settings.
        Preference = "preference",
        /// What people write.
        Content = "content",
        /// What lets its holder log in.
        Credential = "credential",
        /// When.
        Timing = "timing",
        /// Worked out from content: size, language, references.
        ContentDerived = "content_derived",
        /// Where.
        Location = "location",
        /// Which device.
        Device = "device",
        /// Addresses and routes.
        Network = "network",
        /// Public and wrapped keys.
        CryptoKey = "crypto_key",
        /// Files.
        File = "file",
        /// Availability.
        Presence = "presence",
        /// Push notification routes.
        Push = "push",
    }
}

closed_enum! {
    /// What a log may hold of a value (redaction by type, at capture).
    Kind {
        /// Logged as it is.
        Metadata = "metadata",
        /// Text one person wrote for another: logged as class and length unless content is kept.
        Content = "content",
        /// Nobody can tell beforehand: text is treated as content, an address, a time, a URI or a number is shown.
        Mixed = "mixed",
        /// Logged as length only; no setting changes that.
        Secret = "secret",
    }
}

closed_enum! {
    /// How a value is read.
    ValueType {
        /// As it is.
        Text = "text",
        /// An address.
        Jid = "jid",
        /// A point in time.
        Time = "time",
        /// A URI.
        Uri = "uri",
        /// A network address.
        Ip = "ip",
        /// A number.
        Number = "number",
        /// Bytes in base64: logged as length and digest.
        Base64 = "base64",
    }
}

closed_enum! {
    /// What the session must know about the other party for a row to apply.
    When {
        /// A room that was joined in this session, or an occupant of one.
        PeerIsRoom = "peer_is_room",
        /// Not a known room.
        PeerIsNotRoom = "peer_is_not_room",
        /// The own account.
        PeerIsSelf = "peer_is_self",
        /// Somebody else.
        PeerIsNotSelf = "peer_is_not_self",
        /// The own server (its domain, or no address).
        PeerIsServer = "peer_is_server",
    }
}

closed_enum! {
    /// How long a server keeps a value.
    Persistence {
        /// While the stanza passes.
        Transient = "transient",
        /// Until somebody removes it: rosters, archives, profiles, nodes, uploads.
        Stored = "stored",
    }
}
