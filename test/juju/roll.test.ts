import { describe, expect, test } from "vitest";
import { mixOf } from "../../src/juju/mix.ts";
import { readPeer, readRoll, rollTexts, unitNames } from "../../src/juju/peer-data.ts";
import { closedTurn, decide, longestTurnMs } from "../../src/juju/roll.ts";
import { newsOf, noteOf } from "../../src/juju/roll-news.ts";

const [a, b, c] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)] as const;
const now = 1_000_000_000;
const turn = (unit: string, id: string, at = now) => ({ unit, id, at });
const asks = (wants: string, more: object = {}) => ({ wants, ...more });
const failed = { failed: "yes" };

describe("the turn is given", () => {
  test.each([
    ["to nobody where nobody asks", {}, { "x/0": {}, "x/1": {} }, undefined],
    ["to the lowest number of those who ask", {}, { "x/10": asks(a), "x/9": asks(b) }, turn("x/9", b)],
    ["to no second one", { turn: turn("x/1", b) }, { "x/0": asks(a), "x/1": asks(b) }, turn("x/1", b)],
    ["on when its unit is done", { turn: turn("x/0", a) }, { "x/0": {}, "x/1": asks(b) }, turn("x/1", b)],
    ["anew to a unit that asks for another", { turn: turn("x/0", a) }, { "x/0": asks(b) }, turn("x/0", b)],
    ["on when its unit has gone", { turn: turn("x/0", a) }, { "x/1": asks(b) }, turn("x/1", b)],
    [
      "to no other while a unit has failed, in its turn",
      { turn: turn("x/0", a) },
      { "x/0": asks(a, failed), "x/1": asks(b) },
      turn("x/0", a),
    ],
    ["to no other while a unit has failed, without one", {}, { "x/0": failed, "x/1": asks(b) }, undefined],
    [
      "to the unit that has failed, to try again",
      {},
      { "x/0": asks(a), "x/1": asks(b, failed) },
      turn("x/1", b),
    ],
    [
      "on when the failed one has gone",
      { turn: turn("x/0", a), stopped: "x/0" },
      { "x/1": asks(b) },
      turn("x/1", b),
    ],
    [
      "for 20 minutes",
      { turn: turn("x/0", a, now - longestTurnMs) },
      { "x/0": asks(a), "x/1": asks(b) },
      turn("x/0", a, now - longestTurnMs),
    ],
    [
      "on when a dead unit did not use it",
      { turn: turn("x/0", a, now - longestTurnMs - 1) },
      { "x/0": asks(a), "x/1": asks(b) },
      turn("x/1", b),
    ],
    [
      "on also by a clock that was set back",
      { turn: turn("x/0", a, now + longestTurnMs + 1) },
      { "x/0": asks(a), "x/1": asks(b) },
      turn("x/1", b),
    ],
    ["not again to a request that was passed over", { passed: { "x/0": a } }, { "x/0": asks(a) }, undefined],
    [
      "last to a unit that was passed over and asks anew",
      { passed: { "x/0": a } },
      { "x/0": asks(c), "x/1": asks(b) },
      turn("x/1", b),
    ],
    ["to a unit that is back and asks anew", { passed: { "x/0": a } }, { "x/0": asks(c) }, turn("x/0", c)],
    [
      "past a unit that tells nothing to be read",
      {},
      { "x/0": readPeer("garbage"), "x/1": asks(b) },
      turn("x/1", b),
    ],
  ])("%s", (_, roll, units, wanted) => {
    expect(decide(roll, units, now).turn).toEqual(wanted);
  });

  test("at most 20 minutes each to any number of units that are dead", () => {
    const units = { "x/0": asks(a), "x/1": asks(b), "x/2": asks(c) };
    const first = decide({}, units, now);
    const second = decide(first, units, now + longestTurnMs + 1);
    const third = decide(second, units, now + 2 * longestTurnMs + 2);
    const last = decide(third, units, now + 3 * longestTurnMs + 3);
    expect([first, second, third, last].map((it) => it.turn?.unit)).toEqual(["x/0", "x/1", "x/2", undefined]);
    expect(decide(last, { ...units, "x/1": {} }, now).passed).toEqual({ "x/0": a, "x/2": c });
  });

  test("the same by a new leader, which reads what the one before told", () => {
    const units = { "x/0": asks(a), "x/1": asks(b) };
    const told = decide({ salt: "0".repeat(32) }, units, now);
    const text = JSON.stringify(rollTexts(told));
    expect(decide(readRoll(text), units, now + 5)).toEqual({ ...told, stopped: undefined });
  });
});

describe("a unit that may not restart says", () => {
  test.each([
    ["nothing in its turn", { turn: turn("x/1", b) }, b, undefined],
    ["who restarts", { turn: turn("x/0", a) }, b, "waiting for its turn to restart (x/0 restarts)"],
    [
      "who failed",
      { turn: turn("x/0", a), stopped: "x/0" },
      b,
      "waiting for its turn to restart (x/0 failed)",
    ],
    ["no more where it does not know", {}, undefined, "waiting for its turn to restart"],
    ["the same of a turn that was another's", { turn: turn("x/1", a) }, b, "waiting for its turn to restart"],
  ])("%s", (_, roll, id, reason) => {
    expect(closedTurn(roll, "x/1", id)?.reason).toBe(reason);
  });
});

describe("what is read of a peer", () => {
  const good = { driver: "1.4.0", config: "0".repeat(64), state: "active", wants: a };
  test.each([
    ["that is older: it tells nothing", "{}", {}],
    [
      "that is newer: what is not known is left out",
      JSON.stringify({ ...good, more: "x", "private-address": "y" }),
      good,
    ],
    ["that tells garbage", "\u0000{[", {}],
    ["that tells no object", "[1]", {}],
    ["that tells null", "null", {}],
    [
      "with a value too long",
      JSON.stringify({ ...good, driver: "1".repeat(99) }),
      { ...good, driver: undefined },
    ],
    [
      "with a shell's words",
      JSON.stringify({ ...good, driver: "1$(reboot)" }),
      { ...good, driver: undefined },
    ],
    ["with a number for a text", JSON.stringify({ ...good, wants: 7 }), { ...good, wants: undefined }],
    ["that is longer than any of ours", JSON.stringify({ ...good, x: "x".repeat(70_000) }), {}],
  ])("%s", (_, text, wanted) => {
    expect(readPeer(text)).toEqual(wanted);
  });

  test.each([
    ["no JSON", { turn: "x" }],
    ["another form", { turn: '{"unit":"x/0"}' }],
    ["no unit's name", { turn: JSON.stringify(turn("../0", a)) }],
    ["a time that is none", { turn: '{"unit":"x/0","id":"aaaaaaaaaaaaaaaa","at":"now"}' }],
    ["no texts", { turn: 1, salt: [], passed: {}, stopped: null }],
    ["names that are none", { passed: '{"__proto__x":"y"}', stopped: "$(x)" }],
  ])("of a leader is nothing where it is %s", (_, data) => {
    const nothing = { salt: undefined, turn: undefined, stopped: undefined, passed: undefined };
    expect(readRoll(JSON.stringify(data))).toEqual({ ...nothing });
  });

  test("of a list of units is none where it is no list of names", () => {
    expect([unitNames('["x/0"]'), unitNames('["x"]'), unitNames("")]).toEqual([["x/0"], [], []]);
  });
});

describe("a mix of units", () => {
  const same = { driver: "1.4.0", config: "0".repeat(64), kubeconfig: "1".repeat(64) };
  const long = "magnum-capi-helm";
  test.each([
    ["is none where all are the same", { "x/0": same, "x/1": same }, undefined],
    ["is none of units that tell nothing", { "x/0": same, "x/1": {} }, undefined],
    [
      "names the unit with another driver",
      { [`${long}/0`]: same, [`${long}/1`]: same, [`${long}/2`]: { ...same, driver: "1.3.0" } },
      "magnum-capi-helm/2 has driver 1.3.0, the others 1.4.0",
    ],
    [
      "names all of them",
      { "x/0": same, "x/1": same, "x/10": { driver: "1.3.0" }, "x/9": { driver: "1.3.0" }, "x/3": same },
      "x/9, /10 have driver 1.3.0, the others 1.4.0",
    ],
    [
      "of options",
      { "x/0": same, "x/1": same, "x/2": { ...same, config: "2".repeat(64) } },
      "x/2 has other options in force than the others",
    ],
    [
      "of kubeconfigs",
      { "x/0": same, "x/1": { ...same, kubeconfig: "2".repeat(64) } },
      "x/1 has another kubeconfig than the others",
    ],
    [
      "is not told of while a unit is about to change",
      { "x/0": same, "x/1": { driver: "1.3.0", wants: a } },
      undefined,
    ],
  ])("%s", (_, units, wanted) => {
    expect(mixOf(units)).toBe(wanted);
  });

  test("fits 100 columns however many there are", () => {
    const many = Array.from({ length: 60 }, (_, i) => [
      `${long}/${i}`,
      { driver: i < 31 ? "1.4.0" : "1.3.0" },
    ]);
    expect(mixOf(Object.fromEntries(many))?.length).toBeLessThanOrEqual(100);
  });
});

describe("a leader's news", () => {
  test("are whose turn it is, who failed and who was passed over, each once", () => {
    const now = { turn: turn("x/1", b), stopped: "x/2", passed: { "x/0": a } };
    expect(newsOf({ before: {}, now, units: {} })).toEqual([
      ["WARNING", "x/0 did not use its turn to restart: passed over"],
      ["WARNING", "x/2 failed: no other unit restarts until it is well"],
      ["INFO", "turn to restart: x/1"],
    ]);
    expect(newsOf({ before: now, now, units: {} })).toEqual([]);
  });

  test("note a unit that was passed over, and before it one that differs", () => {
    const now = { passed: { "x/0": a } };
    expect(noteOf({ before: {}, now, units: {} })).toBe("x/0 did not use its turn to restart");
    const units = { "x/0": { driver: "1.4.0" }, "x/1": { driver: "1.3.0" } };
    expect(noteOf({ before: {}, now, units })).toBe("x/1 has driver 1.3.0, the others 1.4.0");
  });
});
