import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { issue, makeAuthority } from "./certificates.ts";
import { pathInside, startIn } from "./namespace.ts";
import type { Management } from "./server.ts";

/**
 * What a front does to who asks it: nothing; nobody listens; each answer comes after 30 s; it resets what was asked; its
 * certificate is of another authority; it asks for patience, always or twice; discovery has 10 MB more in it, or is
 * garbage; every answer is 10 MB of another kind, garbage, or sends elsewhere.
 */
export type FrontMode =
  | "pass"
  | "down"
  | "slow"
  | "reset"
  | "other authority"
  | "429"
  | "503"
  | "429 twice"
  | "big discovery"
  | "garbage discovery"
  | "junk"
  | "garbage"
  | "redirect";

/** A server before the API server, on the same address, that can be made bad. Logins are by token. */
export interface Front {
  /** `https://ADDRESS:7443` */
  readonly url: string;
  /** Returns when it has taken effect. */
  set(mode: FrontMode): Promise<void>;
  /** Tokens that requests of a program came with, by the beginning of its name, since they were last asked for. */
  tokensOf(program: string): readonly string[];
}

const program = `
const https = require("node:https");
const fs = require("node:fs");
const [, folder, host] = process.argv;
const file = (name) => fs.readFileSync(folder + "/" + name, "utf8");
const pair = (name) => ({ cert: file(name + ".crt"), key: file(name + ".key") });
let mode = "";
let asked = 0;
const sockets = new Set();

function upstream(request, response, change) {
  const { method, url, headers } = request;
  const options = { host, port: 6443, method, path: url, headers: { ...headers, host }, rejectUnauthorized: false };
  if (change) delete options.headers["accept-encoding"];
  const onward = https.request(options, (answer) => {
    if (!change) {
      response.writeHead(answer.statusCode, answer.headers);
      return answer.pipe(response);
    }
    let text = "";
    answer.on("data", (part) => { text += part; });
    answer.on("end", () => {
      const { "content-length": _, ...kept } = answer.headers;
      response.writeHead(answer.statusCode, kept).end(change(text));
    });
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}

function enlarged(text) {
  const list = JSON.parse(text);
  if (list.kind !== "APIGroupDiscoveryList") return text;
  const resources = Array.from({ length: 100 }, (_, at) => ({
    resource: "things" + at, responseKind: { group: "", version: "", kind: "Thing" + at }, scope: "Namespaced", verbs: ["get"],
  }));
  for (let at = 0; at < 850; at += 1)
    list.items.push({ metadata: { name: "group" + at + ".example.com" }, versions: [{ version: "v1", freshness: "Current", resources }] });
  return JSON.stringify(list);
}

const patience = (status, response) =>
  response.writeHead(status, { "retry-after": "1", "content-type": "application/json" })
    .end('{"kind":"Status","apiVersion":"v1"}');
// Of everything, of a group, of one of its versions.
const isDiscovery = ({ url }) => /^\\/apis(\\/[^/]+){0,2}$/.test(url);
const answers = {
  slow: (request, response) => setTimeout(() => upstream(request, response), 30000),
  reset: (request) => request.socket.destroy(),
  429: (_, response) => patience(429, response),
  503: (_, response) => patience(503, response),
  "429 twice": (request, response) => (asked += 1) <= 2 ? patience(429, response) : upstream(request, response),
  "big discovery": (request, response) => upstream(request, response, request.url === "/apis" && enlarged),
  "garbage discovery": (request, response) => upstream(request, response, isDiscovery(request) && (() => "{{{")),
  junk: (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("x".repeat(10000000)),
  garbage: (_, response) => response.writeHead(200, { "content-type": "application/json" }).end("{{{"),
  redirect: (_, response) => response.writeHead(302, { location: "https://" + host + ":1/" }).end(),
};

const server = https.createServer(pair("front"), (request, response) => {
  const { authorization = "", "user-agent": agent = "" } = request.headers;
  fs.appendFileSync(folder + "/front.asked", agent + "\\t" + authorization.replace("Bearer ", "") + "\\n");
  (answers[mode] ?? upstream)(request, response, false);
});
server.on("connection", (socket) => sockets.add(socket.on("close", () => sockets.delete(socket))));

function look() {
  const next = file("front.mode");
  if (next === mode) return;
  mode = next;
  asked = 0;
  for (const socket of sockets) socket.destroy();
  const done = () => fs.writeFileSync(folder + "/front.done", mode);
  if (mode === "down") return server.close(done);
  server.setSecureContext(pair(mode === "other authority" ? "strange" : "front"));
  server.listening ? done() : server.listen(7443, host, done);
}
setInterval(look, 30);
`;

/** Puts a front before an API server; it ends with that one's namespaces. */
export async function startFront(management: Management): Promise<Front> {
  const { namespace, facts } = management;
  const { folder } = namespace;
  const names = [facts.address];
  const own = await issue(folder, facts.authority, { commonName: "front", names });
  const other = await makeAuthority(folder, "another-authority");
  const strange = await issue(folder, other, { commonName: "front", names });
  const write = (name: string, text: string): void => {
    writeFileSync(`${folder}/${name}.new`, text, { mode: 0o600 });
    renameSync(`${folder}/${name}.new`, `${folder}/${name}`);
  };
  for (const [name, { certificate, key }] of Object.entries({ front: own, strange })) {
    write(`${name}.crt`, certificate);
    write(`${name}.key`, key);
  }
  const set = async (mode: FrontMode): Promise<void> => {
    write("front.mode", mode);
    for (let waits = 0; readFileSync(`${folder}/front.done`, "utf8") !== mode; waits += 1) {
      if (waits > 500) throw new Error(`the front did not become ${mode}`);
      await sleep(20);
    }
  };
  for (const name of ["front.done", "front.asked"]) write(name, "");
  write("front.mode", "pass");
  startIn(namespace, "front", [process.execPath, "--eval", program, pathInside(""), facts.address]);
  await set("pass");
  return {
    url: `https://${facts.address}:7443`,
    set,
    tokensOf: (agent) => {
      const lines = readFileSync(`${folder}/front.asked`, "utf8").split("\n");
      write("front.asked", "");
      const tokens = lines.filter((it) => it.startsWith(agent)).map((it) => it.split("\t")[1] ?? "");
      return [...new Set(tokens)];
    },
  };
}
