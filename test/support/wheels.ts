import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";

/** What a wheel is to say of itself; what is left out is as in the driver's own. */
interface WheelOptions {
  readonly name?: string;
  readonly version?: string;
  /** Name and version of the folder of its METADATA. */
  readonly folder?: string;
  readonly tag?: string;
  /** Something that makes the bytes differ. */
  readonly comment?: string;
  readonly more?: Readonly<Record<string, string>>;
}

/** A zip archive of these files. */
export async function zipOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    zip.addBuffer(Buffer.from(content), name, { mtime: new Date(Date.UTC(2026, 0, 1)), mode: 0o100644 });
  }
  zip.end();
  return await buffer(zip.outputStream);
}

/** A wheel of the driver, or of what is asked for. */
export function driverWheel(options: WheelOptions = {}): Promise<Buffer> {
  const { name = "magnum-capi-helm", version = "1.4.0", tag = "py3-none-any", comment = "" } = options;
  const { folder = `${name.replaceAll("-", "_")}-${version}`, more = {} } = options;
  return zipOf({
    "magnum_capi_helm/driver.py": `# ${comment}\n`,
    [`${folder}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n\nName: other\n`,
    [`${folder}.dist-info/WHEEL`]: `Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: ${tag}\n`,
    [`${folder}.dist-info/RECORD`]: "",
    ...more,
  });
}
