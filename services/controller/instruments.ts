import { defineInstruments } from "../common/observe/counting.ts";

/** What the controller counts of itself. */
export const controllerInstruments = defineInstruments({
  assay_controller_runs: {
    kind: "gauge",
    unit: "{run}",
    help: "Runs that this controller was given and still knows, by state",
    labels: ["state"],
  },
  assay_controller_created_runs_total: { kind: "counter", unit: "{run}", help: "Runs accepted" },
  assay_controller_ended_runs_total: {
    kind: "counter",
    unit: "{run}",
    help: "Runs that have ended, by their last state",
    labels: ["state"],
  },
  assay_controller_members: {
    kind: "gauge",
    unit: "{process}",
    help: "Processes of the suite that can be spoken to, by service",
    labels: ["service"],
  },
  assay_controller_lost_members_total: { kind: "counter", unit: "{process}", help: "Processes taken for dead" },
  assay_controller_missed_heartbeats_total: {
    kind: "counter",
    unit: "{heartbeat}",
    help: "Heartbeats of connected processes that did not come",
  },
  assay_controller_pending_commands: { kind: "gauge", unit: "{command}", help: "Commands that members have not answered" },
});
