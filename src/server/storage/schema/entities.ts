import type { EntitySchema } from "typeorm";
import { accountEntity, apiTokenEntity, membershipEntity, repositoryEntity } from "./account-entities.ts";
import { artifactEntity, cacheEntity, orphanedBlobEntity, stepSummaryEntity } from "./job-service-entities.ts";
import {
  groupMemberEntity,
  jobEntity,
  runEntity,
  runSourceEntity,
  taskEntity,
  taskOutputEntity,
} from "./run-entities.ts";
import { registrationTokenEntity, runnerEntity } from "./runner-entities.ts";
import { auditEntity, metaEntity, orphanedLogEntity, settingEntity, tasksVersionEntity } from "./server-entities.ts";

/** Every entity, for the data sources and for the test that compares them with the migrated tables. */
export const entities: EntitySchema[] = [
  accountEntity,
  membershipEntity,
  repositoryEntity,
  apiTokenEntity,
  registrationTokenEntity,
  runnerEntity,
  runEntity,
  runSourceEntity,
  jobEntity,
  groupMemberEntity,
  taskEntity,
  taskOutputEntity,
  tasksVersionEntity,
  settingEntity,
  auditEntity,
  metaEntity,
  orphanedLogEntity,
  artifactEntity,
  cacheEntity,
  stepSummaryEntity,
  orphanedBlobEntity,
] as EntitySchema[];
