import { Page } from "../../shell/page";

export default function Settings() {
  return <Page title="Settings">{null}</Page>;
}
