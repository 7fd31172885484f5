-- Whether the newest report of a pump says that another programmer has changed what it runs,
-- and nobody has adopted that since.
--
-- +goose Up
ALTER TABLE dosing_pumps ADD COLUMN foreign_program boolean NOT NULL DEFAULT false;
