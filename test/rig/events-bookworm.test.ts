import { eventsTests } from "./events.ts";

eventsTests("bookworm", "all");
