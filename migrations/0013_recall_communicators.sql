-- A recall concerns pumps or communicators. Their lists have one shape, so that
-- what is done about a device is written once.
--
-- +goose Up

ALTER TABLE recall_recalls ADD COLUMN device text NOT NULL DEFAULT 'pump' CHECK (device IN ('pump', 'communicator'));
ALTER TABLE recall_recalls ALTER COLUMN device DROP DEFAULT;

ALTER TABLE recall_contacts DROP CONSTRAINT recall_contacts_recall_id_pump_id_fkey;
ALTER TABLE recall_devices DROP CONSTRAINT recall_devices_pkey;
ALTER TABLE recall_devices
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN comm text REFERENCES registry_communicators, -- of a recall of communicators
    ALTER COLUMN pump_id DROP NOT NULL,
    ADD CONSTRAINT recall_devices_one CHECK ((pump_id IS NULL) <> (comm IS NULL)),
    ADD CONSTRAINT recall_devices_of_pump UNIQUE (recall_id, pump_id),
    ADD CONSTRAINT recall_devices_of_comm UNIQUE (recall_id, comm);
CREATE INDEX recall_devices_comm ON recall_devices (comm) WHERE comm IS NOT NULL;

ALTER TABLE recall_contacts ADD COLUMN device_id bigint REFERENCES recall_devices;
UPDATE recall_contacts c SET device_id = d.id FROM recall_devices d WHERE d.recall_id = c.recall_id AND d.pump_id = c.pump_id;
ALTER TABLE recall_contacts ALTER COLUMN device_id SET NOT NULL, DROP COLUMN recall_id, DROP COLUMN pump_id;
CREATE INDEX recall_contacts_of_device ON recall_contacts (device_id, id);
