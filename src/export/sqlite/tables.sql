-- What the run was, as key and value. Lists are JSON.
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The catalog the records refer to: what is the same for every exposure of a field. Fields it does not have stand at the end, with nothing
-- but their name.
CREATE TABLE field (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    layer TEXT,
    pattern TEXT,
    category TEXT,
    sensitivity TEXT,
    sensitivity_rank INTEGER,
    logged_as TEXT,
    type TEXT,
    direction TEXT,
    spec TEXT,
    source TEXT,
    path TEXT,
    reveals TEXT
);

-- Client connections. The sessions `run` (marks) and `log` (failures of the log) are none.
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    account TEXT,
    opened TEXT,
    closed TEXT,
    reason TEXT,
    detail TEXT,
    bytes_client_to_server INTEGER,
    bytes_server_to_client INTEGER,
    frames_client_to_server INTEGER,
    frames_server_to_client INTEGER,
    duration_ms INTEGER
);

-- Every record, in the order of the log.
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    session_id INTEGER NOT NULL REFERENCES session (id),
    seq INTEGER NOT NULL,
    ts TEXT,
    mono REAL,
    type TEXT NOT NULL,
    step_id INTEGER REFERENCES step (record_id)
);

-- Marks: the steps of the scenario.
CREATE TABLE step (record_id INTEGER PRIMARY KEY REFERENCES record (id), label TEXT NOT NULL);

-- Records of type `stanza`.
CREATE TABLE frame (
    record_id INTEGER PRIMARY KEY REFERENCES record (id),
    input INTEGER,
    direction TEXT,
    phase TEXT,
    kind TEXT NOT NULL,
    name TEXT,
    namespace TEXT,
    stanza_type TEXT,
    bytes INTEGER NOT NULL,
    answers INTEGER,
    conversation TEXT,
    verdict TEXT,
    level TEXT,
    because TEXT,
    evidence TEXT
);

-- Who can read a stanza; the namespaces of its children; constructs that XMPP forbids; the rules that decided its verdict.
CREATE TABLE observer (record_id INTEGER NOT NULL REFERENCES record (id), observer TEXT NOT NULL, PRIMARY KEY (record_id, observer)) WITHOUT ROWID;
CREATE TABLE payload (record_id INTEGER NOT NULL REFERENCES record (id), namespace TEXT NOT NULL, PRIMARY KEY (record_id, namespace)) WITHOUT ROWID;
CREATE TABLE irregular (record_id INTEGER NOT NULL REFERENCES record (id), construct TEXT NOT NULL, PRIMARY KEY (record_id, construct)) WITHOUT ROWID;
CREATE TABLE verdict_rule (record_id INTEGER NOT NULL REFERENCES record (id), rule TEXT NOT NULL, PRIMARY KEY (record_id, rule)) WITHOUT ROWID;

-- The values that could be read.
CREATE TABLE exposure (
    id INTEGER PRIMARY KEY,
    record_id INTEGER NOT NULL REFERENCES record (id),
    field_id INTEGER NOT NULL REFERENCES field (id),
    value TEXT NOT NULL,
    class TEXT,
    length INTEGER,
    bare TEXT,
    resource TEXT,
    time TEXT,
    ip TEXT,
    path TEXT,
    via TEXT,
    derived INTEGER NOT NULL,
    element INTEGER NOT NULL
);

-- What was not read, what the proxy changed, what rules say.
CREATE TABLE gap (record_id INTEGER NOT NULL REFERENCES record (id), reason TEXT NOT NULL, detail TEXT NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE intervention (
    record_id INTEGER PRIMARY KEY REFERENCES record (id),
    action TEXT NOT NULL,
    direction TEXT,
    detail TEXT NOT NULL,
    bytes INTEGER
);
CREATE TABLE finding (
    record_id INTEGER PRIMARY KEY REFERENCES record (id),
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    confidence TEXT NOT NULL,
    avoidability TEXT NOT NULL,
    favour TEXT NOT NULL,
    about TEXT,
    fact TEXT NOT NULL,
    advice TEXT NOT NULL,
    source TEXT NOT NULL,
    accepted TEXT
);
-- `seq` of the records of its session that a finding rests on; in a scan, their `input`.
CREATE TABLE evidence (finding_id INTEGER NOT NULL REFERENCES finding (record_id), seq INTEGER NOT NULL, PRIMARY KEY (finding_id, seq)) WITHOUT ROWID;

-- What a run came to, by conversation; the row without one is about the run. Verdicts are JSON. Messages whose level is higher than their own
-- record says stand in `raised`.
CREATE TABLE assessment (
    record_id INTEGER PRIMARY KEY REFERENCES record (id),
    conversation TEXT,
    verdicts TEXT NOT NULL,
    lowest TEXT,
    level TEXT,
    sent_level TEXT,
    because TEXT NOT NULL
);
CREATE TABLE raised (assessment_id INTEGER NOT NULL REFERENCES assessment (record_id), session TEXT NOT NULL, seq INTEGER NOT NULL, level TEXT NOT NULL);
