import { kubeconfigMatrixTests } from "./kubeconfig-matrix.ts";

kubeconfigMatrixTests("bookworm");
