//! Who sees what: by observer and sort of value.

use crate::catalog::Sensitivity;
use crate::record::Observer;
use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::model::watchers::SORTS;
use crate::report::svg;
use crate::report::text::layout::grouped;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("observers", "Observers", "Who sees what");
    let seen: Vec<Observer> = Observer::ALL.iter().copied().filter(|observer| model.watchers.of(*observer).is_some()).collect();
    if seen.is_empty() {
        section.text("Nothing was seen that anybody could read.");
        return section;
    }
    section.picture(svg::watchers(model));
    let mut table = Table::new(
        "What each observer could read in this run, with the most sensitive of it",
        &["Observer", "#Values", "The most sensitive of them", "Not seen by it"],
    );
    for observer in Observer::ALL {
        let Some(views) = model.watchers.of(*observer) else {
            table.row(vec![name(*observer).into(), "0".into(), Inline::new().text(absent(*observer)), "–".into()]);
            continue;
        };
        let worst = views.iter().filter_map(|view| view.worst).max();
        let mut telling = Inline::new();
        for (index, view) in views.iter().enumerate().filter(|(_, view)| view.worst.is_some() && view.worst == worst) {
            telling = if telling.is_empty() { telling } else { telling.text("; ") };
            let mut fields: Vec<(&String, &u64)> = view
                .fields
                .iter()
                .filter(|(id, _)| model.summary.fields.get(*id).is_some_and(|seen| Some(seen.row.sensitivity) == worst))
                .collect();
            fields.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
            telling = telling.text(format!("{}: ", SORTS[index].0)).values(fields.iter().map(|(id, _)| id), 3).places(&view.places);
        }
        if let Some(worst) = worst {
            telling = Inline::new().badge(worst.into(), worst.name()).text(" ").and(telling);
        }
        let total: u64 = views.iter().map(|view| view.values).sum();
        let none: Vec<&str> = SORTS.iter().zip(views).filter(|(_, view)| view.values == 0).map(|((sort, _), _)| *sort).collect();
        table.row(vec![
            name(*observer).into(),
            grouped(total).into(),
            telling,
            if none.is_empty() { "nothing of the eight sorts".into() } else { none.join(", ").into() },
        ]);
    }
    section.table(table);
    let mut sorts = Table::new(
        "Values by observer and sort",
        &["Observer", "#Who", "#Contacts", "#Groups", "#When", "#Device", "#Where", "#Keys", "#Content"],
    );
    for observer in seen {
        let Some(views) = model.watchers.of(observer) else { continue };
        let cells = views.iter().map(|view| match view.worst {
            Some(worst) if worst >= Sensitivity::High => Inline::new().strong(grouped(view.values)),
            _ => Inline::new().text(grouped(view.values)),
        });
        sorts.row(std::iter::once(Inline::from(name(observer))).chain(cells).collect());
    }
    section.table(sorts);
    section.note("Bold: some of them of high or critical sensitivity. Who can read a stanza follows from its kind, its address and the state of the session; what an observer does with it is not seen.");
    section
}

fn name(observer: Observer) -> &'static str {
    match observer {
        Observer::Network => "The network, before or beside TLS",
        Observer::OwnServer => "The account's own server",
        Observer::PeerServer => "Servers of others",
        Observer::Contacts => "Contacts",
        Observer::Room => "Rooms: the service and the occupants",
        Observer::UploadHost => "The upload host",
        Observer::PushService => "The push service",
        Observer::Anyone => "Anyone who asks",
    }
}

fn absent(observer: Observer) -> &'static str {
    match observer {
        Observer::PeerServer => "Nothing went to another server in this run.",
        Observer::UploadHost => "No record names it as a reader; uploads themselves go round this proxy.",
        Observer::PushService => "No push service was seen; it is told by the server, which this proxy does not see.",
        Observer::Anyone => "Nothing was seen in an open node.",
        _ => "Nothing seen in this run.",
    }
}
