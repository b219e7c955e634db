/**
 * Fills a template: `{{name}}` becomes the value of that name. Throws for a name that has no value and for a value
 * that the template does not use, since both are defects of this program.
 */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  const used = new Set<string>();
  const text = template.replaceAll(/\{\{([a-z-]+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`a template asks for ${name}`);
    used.add(name);
    return value;
  });
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`a template does not use ${unused.join(", ")}`);
  return text;
}
