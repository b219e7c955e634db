import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { answersGate } from "../../src/conductor/answers-gate.ts";
import program from "../../src/conductor/http-look.py";
import { localHost } from "../../src/host/local-host.ts";
import { judge } from "../../src/reconcile/gate.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { type FakeService, fakeSystemd, runningService } from "../support/machine/fake-systemd.ts";
import { type Program, scriptedHost, withoutUser } from "../support/machine/scripted-host.ts";

const unit = { ...conductorFacts, apiTakesConfigArguments: false };
const gate = answersGate(unit);
const pid = 200;
const worker = 201;
const owner = { uid: 0, gid: 0 };

type Answer = { status: number } | { error: string };

const line = (address: string, state: string, inode: number) =>
  `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000   111        0 ${inode} 1 0000`;

interface ApiOptions {
  readonly seconds?: number;
  readonly more?: Partial<FakeService>;
  readonly answers?: (look: number) => readonly Answer[];
  readonly tcp?: readonly string[];
  readonly tcp6?: readonly string[];
  readonly unixSockets?: readonly string[];
}

/** An API with a worker: the main process has the sockets 1 and 2 open, the worker 3. */
async function api(options: ApiOptions = {}) {
  const { seconds = 3_600, more = {}, answers = () => [{ status: 200 }] } = options;
  const service = runningService({ mainPid: pid, ...more });
  const asked: unknown[] = [];
  const python: Program = (argv, { input }) => {
    if (withoutUser(argv)[0] !== unit.python || input !== program) return undefined;
    asked.push(JSON.parse(argv.at(-1) ?? ""));
    return { stdout: JSON.stringify(answers(asked.length)) };
  };
  const host = scriptedHost([python, fakeSystemd({ "magnum-api": service })]);
  service.startedAt = host.now().getTime() - seconds * 1_000;
  for (const [of, sockets] of [
    [pid, [1, 2]],
    [worker, [3]],
  ] as const) {
    await host.fs.makeDirectory(`/proc/${of}/fd`, { ...owner, mode: "0500" });
    for (const inode of sockets) await host.fs.link(`/proc/${of}/fd/${inode + 2}`, `socket:[${inode}]`);
    await host.fs.link(`/proc/${of}/fd/0`, "/dev/null");
  }
  await host.fs.makeDirectory(`/proc/${pid}/task/${pid}`, { ...owner, mode: "0555" });
  await host.fs.makeDirectory(`/proc/${pid}/net`, { ...owner, mode: "0555" });
  const write = (name: string, lines: readonly string[]) =>
    host.fs.write(`/proc/${pid}/${name}`, `header\n${lines.join("\n")}\n`, { ...owner, mode: "0444" });
  await host.fs.write(`/proc/${pid}/task/${pid}/children`, `${worker} `, { ...owner, mode: "0444" });
  await write("net/tcp", options.tcp ?? [line("00000000:2527", "0A", 1)]);
  if (options.tcp6 !== undefined) await write("net/tcp6", options.tcp6);
  await write("net/unix", options.unixSockets ?? []);
  const began = host.now().getTime();
  const [result] = await judge(host, [gate]);
  return { result, asked, host, waited: (host.now().getTime() - began) / 1_000 };
}

describe("the API's own socket", () => {
  test("that answers opens the gate at once, asked as the daemon's user", async () => {
    const { result, asked, waited, host } = await api();
    expect(result).toMatchObject({ state: "open", detail: "127.0.0.1:9511: HTTP 200" });
    expect(asked).toEqual([[{ host: "127.0.0.1", port: 9511 }]]);
    expect(waited).toBe(0);
    expect(host.commands.at(-1)?.slice(0, 4)).toEqual(["runuser", "-u", "magnum", "--"]);
  });

  test.each([
    [{ tcp: [line("0100007F:2527", "0A", 2)] }, { host: "127.0.0.1", port: 9511 }],
    [{ tcp: [line("4C040C0A:01BB", "0A", 3)] }, { host: "10.12.4.76", port: 443 }],
    [
      { tcp: [], tcp6: [line("00000000000000000000000000000000:2527", "0A", 1)] },
      { host: "::1", port: 9511 },
    ],
    [
      { tcp: [], tcp6: [line("B80D0120000000000000000001000000:2527", "0A", 1)] },
      { host: "2001:db8:0:0:0:0:0:1", port: 9511 },
    ],
  ])("is found in the kernel's table %#", async (tables, address) => {
    expect((await api(tables)).asked).toEqual([[address]]);
  });

  test("is neither another process's nor one that only connects", async () => {
    const { result, asked } = await api({
      tcp: [line("00000000:2527", "0A", 99), line("0100007F:8888", "01", 1)],
    });
    expect(asked).toEqual([]);
    expect(result).toMatchObject({ state: "closed", reason: "magnum-api listens on no TCP port" });
  });

  test("is one of several: one that answers is enough", async () => {
    const tcp = [line("0100007F:06B5", "0A", 1), line("00000000:2527", "0A", 2)];
    const { result } = await api({ tcp, answers: () => [{ error: "BadStatusLine" }, { status: 200 }] });
    expect(result).toMatchObject({ state: "open", detail: "127.0.0.1:9511: HTTP 200" });
  });

  test.each([404, 401, 300, 499])("may answer %i: the application is there", async (status) => {
    expect((await api({ answers: () => [{ status }] })).result).toMatchObject({ state: "open" });
  });

  test.each([
    [{ status: 500 }, 20, "magnum-api does not answer: 127.0.0.1:9511: HTTP 500"],
    [
      { error: "no answer within 5 s" },
      60,
      "magnum-api does not answer: 127.0.0.1:9511: no answer within 5 s",
    ],
  ])("that gives %j of a young process is asked again until it is %i s old", async (answer, age, reason) => {
    const { result, waited } = await api({ seconds: 2, answers: () => [answer] });
    expect(result).toMatchObject({ state: "closed", cure: "operator", reason });
    expect(waited).toBe(age - 2);
  });

  test("that fails once, of an old process, is asked once more", async () => {
    const answers = (look: number) => [look === 1 ? { error: "ConnectionResetError" } : { status: 200 }];
    const { result, waited } = await api({ answers });
    expect(result).toMatchObject({ state: "open" });
    expect(waited).toBe(1);
  });

  test("is not waited for without end where the clock goes back", async () => {
    const { result, waited } = await api({ seconds: -86_400, answers: () => [{ status: 500 }] });
    expect(result).toMatchObject({ state: "closed" });
    expect(waited).toBeLessThanOrEqual(60);
  });

  test.each([
    [{ more: { load: "masked", mainPid: 0 } }, "masked: the principal is paused"],
    [{ more: { mainPid: 0, active: "inactive" } }, "magnum-api is not running (inactive)"],
    [
      { tcp: [], unixSockets: ["0000: 00000002 00000000 00010000 0001 01 3 /run/magnum-api.sock"] },
      "it listens on /run/magnum-api.sock, not on TCP",
    ],
  ] as const)("is not asked for with %j", async (options, reason) => {
    expect((await api(options as ApiOptions)).result).toMatchObject({ state: "not checked", reason });
  });

  test("is missed where the unix sockets are other processes' or do not listen", async () => {
    const unixSockets = [
      "0000: 00000002 00000000 00010000 0001 01 99 /run/other.sock",
      "0000: 00000003 00000000 00000000 0001 03 1 /run/connected",
    ];
    expect((await api({ tcp: [], unixSockets })).result).toMatchObject({ state: "closed" });
  });
});

describe("http-look.py", () => {
  let server: Server | ReturnType<typeof createTcpServer> | undefined;
  afterEach(() => server?.close());

  async function look(started: NonNullable<typeof server>): Promise<readonly Answer[]> {
    server = started;
    await new Promise<void>((done) => started.listen(0, "127.0.0.1", done));
    const address = started.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const argv = ["python3", "-I", "-", JSON.stringify([{ host: "127.0.0.1", port }])];
    const result = await localHost().run(argv, { input: program, timeoutMs: 30_000 });
    expect(result.stderr).toBe("");
    return JSON.parse(result.stdout) as readonly Answer[];
  }

  const answering = (status: number): RequestListener => {
    return (_, response) => response.writeHead(status).end();
  };

  test.each([200, 302, 400, 500])("tells the status %i, and follows nothing", async (status) => {
    expect(await look(createServer(answering(status)))).toEqual([{ status }]);
  });

  test("asks by HTTPS where that is spoken, whoever signed the certificate", async () => {
    const folder = mkdtempSync(join(tmpdir(), "https-"));
    try {
      const [key, cert] = [join(folder, "key"), join(folder, "cert")];
      const words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1"];
      const made = await localHost().run(["openssl", ...words, "-keyout", key, "-out", cert]);
      expect(made.code, made.stderr).toBe(0);
      const options = { key: readFileSync(key), cert: readFileSync(cert) };
      expect(await look(createTlsServer(options, answering(204)))).toEqual([{ status: 204 }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("tells that a server closes the connection without a word", async () => {
    const [answer] = await look(createTcpServer((socket) => socket.end()));
    expect(answer).toEqual({ error: expect.stringMatching(/SSL|Remote|EOF/) });
  });
});
