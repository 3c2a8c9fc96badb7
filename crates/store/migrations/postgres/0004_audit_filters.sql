-- The audit trail is looked through by who and by what, newest first.

CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_environment ON audit (environment_id, id);
