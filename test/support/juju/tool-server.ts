import { createServer, type Socket } from "node:net";
import type { Outcome } from "./run-command.ts";

/** Answers one call of a hook command. */
type Answer = (
  unit: string,
  name: string,
  argv: readonly string[],
) => Pick<Outcome, "code" | "stdout" | "stderr">;

const end = "\0\0";

/**
 * Answers hook commands in this process, for tests with hundreds of them: a Node for each would take a tenth of a
 * second. Bash alone is behind what `script` gives.
 */
export async function toolServer(answer: Answer) {
  const server = createServer((socket) => receive(socket, answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    script: (unit: string, name: string) => `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/${address.port} || exit 99
{ printf '%s\\0' '${unit}' '${name}' "$@"; printf '\\0'; } >&3
IFS= read -r -d '' code <&3
IFS= read -r -d '' out <&3
IFS= read -r -d '' err <&3
printf '%s' "$out"
printf '%s' "$err" >&2
exit "$code"
`,
    close: () => server.close(),
  };
}

function receive(socket: Socket, answer: Answer): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (!text.endsWith(end)) return;
    const [unit = "", name = "", ...argv] = text.slice(0, -end.length).split("\0");
    const { code, stdout, stderr } = answer(unit, name, argv);
    socket.end([String(code), stdout, stderr, ""].join("\0"));
  });
}
