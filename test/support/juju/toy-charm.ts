import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";

/** One member of a toy charm: a text (0644), a script (0755), or a link. */
export type ToyMember = string | { readonly script: string } | { readonly link: string };

const hooks = [
  ...["install", "start", "config-changed", "upgrade-charm", "stop", "remove", "update-status"],
  ...["leader-elected", "leader-settings-changed", "secret-changed"],
  ...["created", "joined", "changed", "departed", "broken"].map((event) => `juju-info-relation-${event}`),
];

const metadata = `name: toy
summary: a toy
description: a toy
subordinate: true
requires:
  juju-info:
    interface: juju-info
    scope: container
`;

const config = `options:
  word: {type: string, default: "as shipped"}
  empty: {type: string, default: ""}
  unset: {type: string}
  count: {type: int, default: 3}
  ratio: {type: float, default: 0.25}
  flag: {type: boolean, default: yes}
  key: {type: secret}
`;

/**
 * Writes a subordinate charm whose hooks are links to one `sh` script, and returns its path. Further members
 * replace or join the usual ones; null leaves one out.
 */
export async function writeToyCharm(
  folder: string,
  script: string,
  further: Readonly<Record<string, ToyMember | null>> = {},
): Promise<string> {
  const links = hooks.map((hook) => [`hooks/${hook}`, { link: "stub" }] as const);
  const members: Record<string, ToyMember | null> = {
    "metadata.yaml": metadata,
    "config.yaml": config,
    "hooks/stub": { script: `#!/bin/sh\n${script}\n` },
    ...Object.fromEntries(links),
    ...further,
  };
  const path = join(folder, `toy-${Date.now()}-${Math.random().toString(36).slice(2)}.charm`);
  await writeFile(path, await zip(members));
  return path;
}

async function zip(members: Readonly<Record<string, ToyMember | null>>): Promise<Buffer> {
  const file = new ZipFile();
  for (const [name, member] of Object.entries(members)) {
    if (member === null) continue;
    const [content, mode] = bytesOf(member);
    file.addBuffer(Buffer.from(content), name, { mode });
  }
  file.end();
  return await buffer(file.outputStream);
}

function bytesOf(member: ToyMember): readonly [string, number] {
  if (typeof member === "string") return [member, 0o100644];
  return "link" in member ? [member.link, 0o120777] : [member.script, 0o100755];
}
