//! Leak rules: what a client sends that it need not, or should not, and what that means.
//!
//! A rule looks at one stanza at a time and at what the session taught ([`World`]). It reads elements and attributes that a redacted stanza
//! still has, so that it says the same live, in `scan`, and on the records of a run ([`stored`]). Facts, meaning and advice are kept apart:
//! the exposure says what was readable, the rule says why that matters and what helps.
//!
//! Adding a rule is adding one file with its manual page, one line in the table below, and one file of fixtures in `tests/rules/`.

mod asked;
mod choice;
mod device_lists;
mod engine;
mod file_format;
mod file_name;
pub mod names;
mod overview;
mod page;
mod pending;
mod pep;
mod rule;
mod seen;
mod shared;
pub mod stored;
mod user_text;
mod words;
mod world;

pub use choice::{Accepted, Choice, ChoiceError};
pub use engine::{Engine, RuleSet};
pub use overview::overview;
pub use rule::{Avoidability, Check, Confidence, Found, Out, Rule, Severity, Theme};
pub use seen::{Judged, Passed, Seen, Sight, Soon};
pub use world::{Affiliation, Away, MAX_ENTRIES, RoomKind, World};

/// The registry: one line a rule, ordered by theme.
macro_rules! registry {
    ($($module:ident)*) => {
        $(mod $module;)*

        /// Every rule.
        pub const RULES: &[&Rule] = &[$(&$module::RULE),*];
    };
}

registry! {
    clear_body_beside_ciphertext
    clear_text_after_encryption
    clear_text_to_omemo_contact
    encryption_announced_but_absent
    content_beside_ciphertext
    envelope_in_clear
    readable_payload
    malformed_ciphertext
    reused_key_material
    metadata_beside_ciphertext
    reply_quote_beside_ciphertext
    reaction_in_encrypted_conversation
    marker_in_clear_though_it_could_be_encrypted
    uncovered_stanza_in_encrypted_conversation
    trust_decision_in_clear
    room_subject_in_clear
    link_preview_in_clear
    location_in_clear
    forwarded_in_clear
    search_shown_to_server
    report_with_content
    call_key_unprotected
    file_key_in_clear
    file_link_in_clear
    jingle_file_details_in_clear
    thumbnail_in_clear
    upload_names_the_file
    upload_type_in_clear
    upload_without_tls
    file_bytes_in_clear
    picture_carries_metadata
    address_before_tls
    channel_binding_not_used
    login_before_tls
    password_in_stanza
    plain_login_inside_tls
    stanza_before_tls
    weak_login_mechanism
    chat_state_to_stranger
    receipt_to_stranger
    marker_to_stranger
    chat_state_while_away
    activity_while_invisible
    last_activity_to_stranger
    last_activity_while_away
    answer_to_stranger
    call_answer_to_stranger
    presence_to_stranger
    private_address_in_call_candidates
    status_in_room_presence
    last_visit_in_join
    activity_published
    typing_in_open_room
    receipt_in_room
    marker_in_open_room
    resource_names_device
    system_named_in_version
    software_version_answered
    client_named_in_capabilities
    client_named_in_ids
    ids_that_tell
    stable_installation_id
    same_identifier_across_accounts
    capabilities_shared_between_accounts
    key_id_in_presence
    device_label_names_device
    time_zone_answered
    zone_in_stamps
    profile_details_published
    avatar_follows_into_room
    address_is_phone_number
    same_nick_in_rooms
    nick_names_device
    own_address_in_anonymous_room
    address_book_uploaded
    client_fingerprint
    bookmarks_readable_by_others
    private_data_in_open_node
    omemo_node_not_open
    bookmark_password_stored
    roster_names_in_clear
    bookmark_names_reveal
    archive_keeps_everything
    private_notes_on_server
    push_with_content
    push_through_third_party
    secret_key_backup_on_server
    profile_open
    unannounced_device
    key_for_non_member
    key_for_sending_device
    encrypted_for_nobody
    untrustworthy_keys
    dormant_device
    bookmark_from_stranger_followed
    command_run_for_stranger
    forged_copy
    push_from_stranger_accepted
    room_joined_on_invitation
    roster_suggestion_accepted
    subscription_accepted_at_once
    transfer_accepted_from_stranger
    fetch_from_stranger
}

/// The rule of that name.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_plain() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in RULES {
            assert!(seen.insert(rule.id), "{} twice", rule.id);
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", rule.id);
        }
    }
}
