-- What keeps the audit log append-only, whoever connects: a trigger for every role, grants for the application's.

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_entries_only_grow
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_heads_stay
    BEFORE DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE FUNCTION refuse_audit_retreat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.organization_id <> OLD.organization_id OR NEW.number <= OLD.number THEN
        RAISE EXCEPTION 'the head of an audit log only moves on'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_heads_move_on
    BEFORE UPDATE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_retreat();

-- An organization's log begins with it, so that a missing head is a sign and not a beginning. As the owner, because only
-- so can nobody else begin one.
CREATE FUNCTION begin_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audit_heads (organization_id) VALUES (NEW.organization_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER organizations_begin_audit
    AFTER INSERT ON organizations
    FOR EACH ROW EXECUTE FUNCTION begin_audit();

-- Row level security keeps the application's role from the index on targets, because its operator is not leakproof. So
-- this runs as the owner, who may see all rows, and confines itself to the organization that the policies read.
CREATE FUNCTION audit_numbers_of(target uuid) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
SET search_path = public, pg_temp
AS $$
    SELECT number FROM audit_entries
     WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
       AND targets @> ARRAY[target]
$$;

-- The application's role got its rights by the owner's default privileges; whatever its name is, it keeps these only.
DO $$
DECLARE
    held record;
    kept text;
BEGIN
    FOR held IN
        SELECT DISTINCT relation.relname, grantee.rolname
          FROM pg_class AS relation, aclexplode(relation.relacl) AS acl
          JOIN pg_roles AS grantee ON grantee.oid = acl.grantee
         WHERE relation.oid IN ('audit_entries'::regclass, 'audit_heads'::regclass)
           AND acl.grantee <> relation.relowner
    LOOP
        kept := CASE held.relname WHEN 'audit_heads' THEN 'SELECT, UPDATE' ELSE 'SELECT, INSERT' END;
        EXECUTE format('REVOKE ALL ON %I FROM %I', held.relname, held.rolname);
        EXECUTE format('GRANT %s ON %I TO %I', kept, held.relname, held.rolname);
    END LOOP;
END
$$;
