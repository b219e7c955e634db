import { afterAll, beforeAll } from "vitest";
import {
  contractNamespace,
  contractObjects,
  managementContract,
  type Subject,
} from "../support/management/contract.ts";
import { describeRig } from "./describe-rig.ts";
import { startManagement } from "./management/management.ts";
import type { OwnManagement } from "./management/server.ts";

const tokens = {
  magnum: "token-that-no-log-may-show",
  nobody: "token-without-rights",
  stranger: "wrong",
};

let management: OwnManagement;

const ask: Subject["ask"] = async (as, method, path, { accept = "application/json", body } = {}) => {
  // A pair without a certificate is nobody's.
  const login = as === "none" ? { certificate: "", key: "" } : { token: tokens[as] };
  const answer = await management.request(method, path, body, { as: login, accept });
  const { "content-type": contentType = "", warning } = answer.headers;
  return {
    status: answer.status,
    contentType: String(contentType),
    warning: warning?.toString(),
    body: answer.body ?? answer.text,
  };
};

describeRig("a real API server", () => {
  beforeAll(async () => {
    management = await startManagement({ address: "192.0.2.44" });
    const namespace = { metadata: { name: contractNamespace } };
    await management.demand("POST", "/api/v1/namespaces", namespace);
    const path = `/apis/cluster.x-k8s.io/v1beta2/namespaces/${contractNamespace}/clusters`;
    for (const object of contractObjects) await management.demand("POST", path, object);
  });

  afterAll(async () => {
    await management?.down();
  });

  managementContract(async () => ({ ask }));
});
