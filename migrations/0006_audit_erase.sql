-- An erasure is recorded by a leaf that names what it erases, and by no other:
-- one leaf of kind audit.erase must not be good for every payload.
--
-- +goose Up
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_erase(p_leaf bigint, p_by bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The object of the leaf, "leaf:" and the hash in hex, stands in it as text.
    PERFORM 1 FROM public.audit_leaf l, public.audit_leaf b
     WHERE l.id = p_leaf AND b.id = p_by AND b.kind = 'audit.erase'
       AND position(convert_to('leaf:' || encode(l.leaf_hash, 'hex'), 'UTF8') IN b.leaf) > 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'leaf % does not record the erasure of leaf %', p_by, p_leaf USING ERRCODE = 'CI002';
    END IF;
    UPDATE public.audit_payload SET salt = NULL, payload = NULL WHERE leaf_id = p_leaf AND salt IS NOT NULL;
    RETURN FOUND;
END $$;
-- +goose StatementEnd
