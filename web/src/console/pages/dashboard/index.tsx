import { Page } from "../../shell/page";

export default function Dashboard() {
  return <Page title="Dashboard">{null}</Page>;
}
