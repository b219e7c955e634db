import type { Bag, Relation } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import { peerEndpoint } from "./hook-effects.ts";
import type { HookExtra } from "./unit.ts";

/** A unit of an application with several. */
export interface Member<R> {
  readonly name: string;
  readonly store: Pick<AgentStore, "read" | "change">;
  runHook(name: string, extra?: HookExtra): Promise<R>;
}

/** A hook that one of the units ran. */
export interface Told<R> {
  readonly unit: string;
  readonly hook: string;
  readonly result: R;
}

interface Event {
  readonly unit: string;
  readonly hook: string;
  readonly extra: HookExtra;
}

/** An application of several units: what each tells in their relation reaches the others, once its hook has ended well. */
export class Application<R> {
  readonly #units: Map<string, Member<R>>;
  readonly #dead = new Set<string>();
  /** What each unit was last told, by unit and whom it is about. */
  readonly #told = new Map<string, string>();

  /** The first unit leads. Nothing that they told before is an event. */
  constructor(units: readonly Member<R>[]) {
    this.#units = new Map(units.map((unit) => [unit.name, unit]));
    for (const { name, store } of units) {
      store.change(() => ({ leader: name === units[0]?.name }));
      this.#relate(name, { members: this.#others(name) });
    }
    this.#deliver();
  }

  /** Runs the hooks that what was told calls for, until there is none; a limit of 1000 is for what never ends. */
  async settle(): Promise<readonly Told<R>[]> {
    const all: Told<R>[] = [];
    for (let events = this.#deliver(); events.length > 0; events = this.#deliver()) {
      for (const event of events) all.push(await this.#run(event));
      if (all.length > 1000) throw new Error("the units tell each other something without an end");
    }
    return all;
  }

  /** A unit whose agent does nothing any more. What it was not told it is told when it is back. */
  kill(unit: string): void {
    this.#dead.add(unit);
  }

  revive(unit: string): void {
    this.#dead.delete(unit);
  }

  /** Another unit leads. */
  async elect(unit: string): Promise<Told<R>> {
    for (const { name, store } of this.#units.values()) store.change(() => ({ leader: name === unit }));
    return await this.#run({ unit, hook: "leader-elected", extra: {} });
  }

  /** A unit goes: the others are told. */
  async depart(unit: string): Promise<void> {
    this.#units.delete(unit);
    for (const name of this.#units.keys()) {
      this.#relate(name, { members: this.#others(name) });
      if (this.#dead.has(name)) continue;
      const extra = { remoteUnit: unit, departingUnit: unit };
      await this.#run({ unit: name, hook: `${peerEndpoint}-relation-departed`, extra });
    }
  }

  #others(unit: string): readonly string[] {
    return [...this.#units.keys()].filter((name) => name !== unit).sort();
  }

  async #run({ unit, hook, extra }: Event): Promise<Told<R>> {
    return { unit, hook, result: await this.#unit(unit).runHook(hook, extra) };
  }

  #unit(name: string): Member<R> {
    const unit = this.#units.get(name);
    if (unit === undefined) throw new Error(`the application has no unit ${name}`);
    return unit;
  }

  #relate(name: string, change: Partial<Relation>): void {
    this.#unit(name).store.change(({ relations }) => ({
      relations: relations.map((it) => (it.endpoint === peerEndpoint ? { ...it, ...change } : it)),
    }));
  }

  #relation(name: string): Relation {
    const found = this.#unit(name)
      .store.read()
      .relations.find(({ endpoint }) => endpoint === peerEndpoint);
    if (found === undefined) throw new Error(`${name} has no relation with other units`);
    return found;
  }

  /** Hands on what units and leader tell by now; the hooks that this calls for. */
  #deliver(): readonly Event[] {
    const names = [...this.#units.keys()];
    const bags = new Map(names.map((name) => [name, this.#relation(name)["local-unit"] ?? {}]));
    const leader = names.find((name) => this.#unit(name).store.read().leader);
    const app = leader === undefined ? {} : (this.#relation(leader)["local-app"] ?? {});
    return names
      .filter((name) => !this.#dead.has(name))
      .flatMap((name) => this.#deliverTo(name, bags, name === leader ? undefined : app));
  }

  #deliverTo(name: string, bags: ReadonlyMap<string, Bag>, app: Bag | undefined): readonly Event[] {
    const remote = Object.fromEntries([...bags].filter(([other]) => other !== name));
    this.#relate(name, { remote, ...(app === undefined ? {} : { "local-app": app }) });
    const changed = Object.entries(remote).filter(([other, bag]) => this.#isNew(name, other, bag));
    const hook = `${peerEndpoint}-relation-changed`;
    const told = changed.map(([other]): Event => ({ unit: name, hook, extra: { remoteUnit: other } }));
    const isNewApp = app !== undefined && this.#isNew(name, "", app);
    return isNewApp ? [{ unit: name, hook, extra: {} }, ...told] : told;
  }

  #isNew(unit: string, about: string, bag: Bag): boolean {
    const key = `${unit} ${about}`;
    const text = JSON.stringify(bag);
    const isNew = (this.#told.get(key) ?? "{}") !== text;
    this.#told.set(key, text);
    return isNew;
  }
}
