import type { MigrationInterface } from "typeorm";
import { Calls1795300000000 } from "./calls.ts";
import { Dispatch1795100000000 } from "./dispatch.ts";
import { Groups1795310000000 } from "./groups.ts";
import { Initial1795000000000 } from "./initial.ts";
import { JobServices1795290000000 } from "./job-services.ts";
import { Lifecycle1795230000000 } from "./lifecycle.ts";
import { Lists1795240000000 } from "./lists.ts";
import { LogPlaces1795250000000 } from "./log-places.ts";
import { Replicas1795260000000 } from "./replicas.ts";

/** Every migration, oldest first. Released ones never change; each may be run again after a crash in its middle. */
export const migrations: readonly (new () => MigrationInterface)[] = [
  Initial1795000000000,
  Dispatch1795100000000,
  Lifecycle1795230000000,
  Lists1795240000000,
  LogPlaces1795250000000,
  Replicas1795260000000,
  JobServices1795290000000,
  Calls1795300000000,
  Groups1795310000000,
];
