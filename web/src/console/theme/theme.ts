import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

// Mantine computes with these, so they cannot be variables; they are the colours of styles/tokens.css.
const accent: MantineColorsTuple = [
  "#eaedfc", "#cdd5f8", "#b3beff", "#97a6ff", "#7484ee", "#5466de", "#3a4fd0", "#2e40b0", "#28378f", "#212747",
];
const gray: MantineColorsTuple = [
  "#f6f7f9", "#eff1f5", "#e1e4ea", "#d0d4dd", "#b4bac7", "#7f8698", "#596072", "#434958", "#2b3039", "#171a21",
];
const dark: MantineColorsTuple = [
  "#e8eaf0", "#c8cdd8", "#a1a8b8", "#717a8c", "#2a2f39", "#1f232b", "#16191f", "#0e1014", "#0b0d10", "#08090c",
];

export const theme = createTheme({
  colors: { accent, gray, dark },
  primaryColor: "accent",
  primaryShade: { light: 6, dark: 3 },
  autoContrast: true,
  defaultRadius: "md",
  radius: { xs: "4px", sm: "6px", md: "8px", lg: "10px", xl: "16px" },
  fontFamily: "var(--font)",
  headings: { fontFamily: "var(--font)", fontWeight: "650", sizes: { h1: { fontSize: "1.375rem", lineHeight: "1.3" } } },
  respectReducedMotion: true,
  cursorType: "pointer",
});

/** Where Mantine asks for a colour by its role, it gets the one of the form and the ticket page. */
export const resolveVariables: CSSVariablesResolver = () => {
  const roles = {
    "--mantine-color-body": "var(--page)",
    "--mantine-color-text": "var(--text)",
    "--mantine-color-dimmed": "var(--muted)",
    "--mantine-color-placeholder": "var(--muted)",
    "--mantine-color-anchor": "var(--accent)",
    "--mantine-color-error": "var(--danger)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--sunken)",
    "--mantine-color-default-color": "var(--text)",
    "--mantine-color-default-border": "var(--line)",
    "--mantine-primary-color-filled": "var(--accent)",
    "--mantine-primary-color-filled-hover": "var(--accent-strong)",
    "--mantine-primary-color-contrast": "var(--on-accent)",
  };
  return { variables: {}, light: roles, dark: roles };
};
