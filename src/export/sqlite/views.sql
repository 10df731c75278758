CREATE INDEX exposure_of_record ON exposure (record_id);
CREATE INDEX exposure_of_field ON exposure (field_id);
CREATE INDEX exposure_of_address ON exposure (bare) WHERE bare IS NOT NULL;
CREATE INDEX record_of_session ON record (session_id, seq);
CREATE INDEX frame_of_conversation ON frame (conversation) WHERE conversation IS NOT NULL;
CREATE INDEX observer_reads ON observer (observer);

-- One row an exposure, with the columns of the CSV.
CREATE VIEW exposures AS
SELECT
    s.name AS session, r.seq, r.ts, r.mono, st.label AS step, f.direction, f.phase,
    coalesce(f.kind, r.type) AS stanza, f.stanza_type,
    (SELECT group_concat(o.observer, ' ') FROM observer o WHERE o.record_id = r.id) AS observers,
    f.conversation, f.verdict, f.level,
    fd.name AS field, e.value, e.class, e.length, e.bare, e.resource, e.time, e.ip, e.path, e.via, e.derived, e.element,
    fd.layer, fd.pattern, fd.category, fd.sensitivity, fd.logged_as, fd.spec, fd.reveals
FROM exposure e
JOIN record r ON r.id = e.record_id
JOIN session s ON s.id = r.session_id
JOIN field fd ON fd.id = e.field_id
LEFT JOIN frame f ON f.record_id = r.id
LEFT JOIN step st ON st.record_id = r.step_id;

-- What was seen of each field, copies left out; the most sensitive first.
CREATE VIEW fields_seen AS
SELECT fd.name AS field, fd.sensitivity, fd.layer, fd.pattern, fd.category, count(*) AS times, count(DISTINCT e.value) AS different_values, fd.reveals
FROM exposure e JOIN field fd ON fd.id = e.field_id
WHERE e.via IS NULL
GROUP BY fd.id ORDER BY fd.sensitivity_rank DESC, times DESC, fd.name;

-- Which observer read which field, how often.
CREATE VIEW observers_seen AS
SELECT o.observer, fd.name AS field, fd.sensitivity, count(*) AS times
FROM observer o JOIN exposure e ON e.record_id = o.record_id JOIN field fd ON fd.id = e.field_id
WHERE e.via IS NULL
GROUP BY o.observer, fd.id ORDER BY o.observer, fd.sensitivity_rank DESC, times DESC, fd.name;

-- Addresses that were seen, and in how many fields.
CREATE VIEW addresses AS
SELECT e.bare AS address, count(*) AS times, count(DISTINCT e.field_id) AS fields, count(DISTINCT e.resource) AS resources,
    min(r.ts) AS first_seen, max(r.ts) AS last_seen
FROM exposure e JOIN record r ON r.id = e.record_id
WHERE e.bare IS NOT NULL
GROUP BY e.bare ORDER BY times DESC, address;

-- Messages with content, by conversation and verdict. `copies` are carbons, archives and room history.
CREATE VIEW conversations AS
SELECT f.conversation, f.verdict, f.level,
    sum(NOT c.copy) AS messages, sum(NOT c.copy AND f.direction = 'client_to_server') AS sent,
    sum(NOT c.copy AND f.direction = 'server_to_client') AS received, sum(c.copy) AS copies
FROM frame f JOIN (
    SELECT record_id, EXISTS (
        SELECT 1 FROM exposure e WHERE e.record_id = frame.record_id AND e.via IN ('carbon_sent', 'carbon_received', 'archive', 'history')
    ) AS copy FROM frame WHERE verdict IS NOT NULL
) c ON c.record_id = f.record_id
GROUP BY f.conversation, f.verdict, f.level ORDER BY f.conversation, f.verdict, f.level;

-- Findings, the worst first, with the records they rest on.
CREATE VIEW findings AS
SELECT s.name AS session, r.seq, r.ts, f.rule, f.severity, f.confidence, f.avoidability, f.favour, f.about, f.fact, f.advice, f.source, f.accepted,
    (SELECT group_concat(v.seq, ' ') FROM evidence v WHERE v.finding_id = f.record_id) AS evidence
FROM finding f JOIN record r ON r.id = f.record_id JOIN session s ON s.id = r.session_id
ORDER BY CASE f.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END, f.record_id;

-- What happened in each step of the scenario; the part before the first mark has no label.
CREATE VIEW steps AS
SELECT st.label AS step, min(r.ts) AS first, max(r.ts) AS last, count(*) AS records,
    sum(f.direction = 'client_to_server') AS frames_sent, sum(f.direction = 'server_to_client') AS frames_received
FROM record r LEFT JOIN step st ON st.record_id = r.step_id LEFT JOIN frame f ON f.record_id = r.id
GROUP BY r.step_id ORDER BY min(r.id);

-- What was not read.
CREATE VIEW gaps AS
SELECT s.name AS session, r.seq, r.ts, g.reason, g.detail, g.bytes
FROM gap g JOIN record r ON r.id = g.record_id JOIN session s ON s.id = r.session_id ORDER BY r.id;
