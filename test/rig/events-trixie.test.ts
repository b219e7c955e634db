import { eventsTests } from "./events.ts";

eventsTests("trixie", "some");
