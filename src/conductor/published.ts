/** sha256 of the driver's wheels, by version (as the Python index has them). */
const driverWheels: Readonly<Record<string, readonly string[]>> = {
  "1.4.0": ["1e0878ea39dbe6ea3d40674c0c443ee5a0494835bdfbcc4f8052bc1178f508b9"],
  "1.3.0": ["0e1a8b3416afd4c1e173d72cd2840bda34766b3ea3eeea8f373e4919cc120dbf"],
  "1.2.0": ["252363ff1020cfdc19137002f835e373337fa60969f82bacc8a47654de59be4d"],
};

/** sha256 of helm's official archives, by version and architecture. */
const helmArchives: Readonly<Record<string, string>> = {
  "3.17.3 amd64": "ee88b3c851ae6466a3de507f7be73fe94d54cbf2987cbaa3d1a3832ea331f2cd",
  "3.17.3 arm64": "7944e3defd386c76fd92d9e6fec5c2d65a323f6fadc19bfb5e704e3eee10348e",
};

/** sha256 of the published wheels of a version of the driver; none where it is not known. */
export function publishedWheels(version: string): readonly string[] {
  return driverWheels[version] ?? [];
}

/** sha256 of helm's official archive; `undefined` where it is not known. */
export function publishedHelm(version: string, architecture: string): string | undefined {
  return helmArchives[`${version} ${architecture}`];
}
