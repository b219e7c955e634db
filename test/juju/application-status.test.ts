import { expect, test } from "vitest";
import { applicationStatus, withNote } from "../../src/juju/application-status.ts";

const ready = { status: "active", message: "Unit is ready" };
const blocked = { status: "blocked", message: "disk full; next: free space" };

test.each([
  ["its one unit", { "app/0": blocked }, blocked],
  ["units that are all well", { "app/0": ready, "app/1": ready }, ready],
  [
    "the worst of them, by name",
    { "app/0": ready, "app/10": { status: "waiting", message: "x" }, "app/9": blocked },
    { status: "blocked", message: "app/9: disk full; next: free space" },
  ],
  [
    "the first of equals, by number",
    { "app/10": blocked, "app/9": blocked },
    { status: "blocked", message: "app/9: disk full; next: free space" },
  ],
  [
    "maintenance before waiting, as Juju has it",
    { "app/0": { status: "waiting", message: "x" }, "app/1": { status: "maintenance", message: "y" } },
    { status: "maintenance", message: "app/1: y" },
  ],
  [
    "a note",
    { "app/0": ready, "app/1": { status: "active", message: "driver 1.3.0" } },
    { status: "active", message: "app/1: driver 1.3.0" },
  ],
  [
    "a unit in error, which can't be set",
    { "app/0": ready, "app/1": { status: "error", message: 'hook failed: "install"' } },
    { status: "blocked", message: "app/1: a hook failed" },
  ],
  [
    "units that have said nothing yet",
    { "app/0": ready, "app/1": { status: "unknown", message: "" } },
    ready,
  ],
])("the application's status is that of %s", (_, units, wanted) => {
  expect(applicationStatus(units as unknown as Parameters<typeof applicationStatus>[0])).toEqual(wanted);
});

test("an application without units that can be seen has no status to set", () => {
  expect(applicationStatus({})).toBeUndefined();
  expect(applicationStatus({ "app/0": { status: "unknown", message: "" } })).toBeUndefined();
});

test("its message fits 100 columns with a unit's name before it", () => {
  const message = "x".repeat(100);
  const status = applicationStatus({ "app/0": { status: "blocked", message }, "app/1": ready });
  expect(status?.message).toHaveLength(100);
});

test("it says what the leader notes of all units, unless something is wrong with one of them", () => {
  const note = "app/1 has driver 1.3.0, the others 1.4.0";
  expect(withNote(ready as never, note)).toEqual({ status: "active", message: note });
  expect(withNote(blocked as never, note)).toEqual(blocked);
  expect(withNote(ready as never, undefined)).toEqual(ready);
  expect(withNote(undefined, note)).toBeUndefined();
});
