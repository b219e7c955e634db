/** Prints one line of progress. */
export type Progress = (line: string) => void;

/** Progress lines on stderr, each with the topic and the seconds since this call. */
export function progressOf(topic: string): Progress {
  const start = performance.now();
  return (line) => {
    const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`rig: ${topic}: ${seconds} s: ${line}\n`);
  };
}
