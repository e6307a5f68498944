import {
  Badge,
  Checkbox,
  CloseButton,
  createTheme,
  defaultVariantColorsResolver,
  Drawer,
  Menu,
  Modal,
  Radio,
  type CSSVariablesResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from "@mantine/core";

// Mantine computes with these, so they cannot be variables; they are the colours of styles/tokens.css, whose light
// ones stand at 6 and whose dark ones at 3.
const accent: MantineColorsTuple = [
  "#eaedfc", "#cdd5f8", "#b3beff", "#97a6ff", "#7484ee", "#5466de", "#3a4fd0", "#2e40b0", "#28378f", "#212747",
];
const red: MantineColorsTuple = [
  "#fdf0ef", "#fbdcd9", "#ffbfb8", "#ff9d93", "#f0766b", "#d2493f", "#b3261e", "#931d17", "#731712", "#35191a",
];
const green: MantineColorsTuple = [
  "#e6f4ec", "#c8e8d6", "#a5e0c0", "#7fd8a8", "#4db583", "#2a8f5f", "#136c43", "#0f5937", "#0b472c", "#14301f",
];
const yellow: MantineColorsTuple = [
  "#fbf1dd", "#f8e3bb", "#f5d196", "#f0bf71", "#d69a3f", "#ac7420", "#84510a", "#6d4308", "#563506", "#35270f",
];
const gray: MantineColorsTuple = [
  "#f6f7f9", "#eff1f5", "#e1e4ea", "#d0d4dd", "#b4bac7", "#7f8698", "#596072", "#434958", "#2b3039", "#171a21",
];
const dark: MantineColorsTuple = [
  "#e8eaf0", "#c8cdd8", "#a1a8b8", "#717a8c", "#2a2f39", "#1f232b", "#16191f", "#0e1014", "#0b0d10", "#08090c",
];

/** Pale grounds with the words on them, in both looks; each pair is readable. */
const SOFT: Record<string, { ground: string; words: string }> = {
  accent: { ground: "var(--accent-soft)", words: "var(--accent-strong)" },
  red: { ground: "var(--danger-soft)", words: "var(--danger)" },
  green: { ground: "var(--good-soft)", words: "var(--good)" },
  yellow: { ground: "var(--warm-soft)", words: "var(--warm)" },
  gray: { ground: "var(--sunken)", words: "var(--muted)" },
};

/** On a filled colour stands white in the light look and nearly black in the dark one, whose colours are pale. */
const resolveVariant: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input);
  const soft = SOFT[input.color ?? "accent"];
  if (input.variant === "filled") return { ...colors, color: "var(--on-accent)" };
  if (input.variant === "light" && soft) return { ...colors, background: soft.ground, color: soft.words };
  if (input.variant === "subtle" && soft) return { ...colors, hover: soft.ground, color: soft.words };
  return colors;
};

const closeButtonProps = { "aria-label": "Close" };

export const theme = createTheme({
  colors: { accent, red, green, yellow, gray, dark },
  primaryColor: "accent",
  primaryShade: { light: 6, dark: 3 },
  variantColorResolver: resolveVariant,
  defaultRadius: "md",
  radius: { xs: "4px", sm: "6px", md: "8px", lg: "10px", xl: "16px" },
  fontFamily: "var(--font)",
  headings: { fontFamily: "var(--font)", fontWeight: "650", sizes: { h1: { fontSize: "1.375rem", lineHeight: "1.3" } } },
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Badge: Badge.extend({ defaultProps: { tt: "none", fw: 550 } }),
    Checkbox: Checkbox.extend({ defaultProps: { iconColor: "var(--on-accent)" } }),
    CloseButton: CloseButton.extend({ defaultProps: closeButtonProps }),
    Drawer: Drawer.extend({ defaultProps: { closeButtonProps } }),
    // The placeholder has a role that a menu may not hold; without it the focus goes to the first item.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps } }),
    Radio: Radio.extend({ defaultProps: { iconColor: "var(--on-accent)" } }),
  },
});

/** Where Mantine asks for a colour by its role, it gets the one of the form and the ticket page. */
export const resolveVariables: CSSVariablesResolver = () => {
  const roles = {
    "--mantine-color-body": "var(--surface)",
    "--mantine-color-text": "var(--text)",
    "--mantine-color-dimmed": "var(--muted)",
    "--mantine-color-placeholder": "var(--muted)",
    "--mantine-color-anchor": "var(--accent)",
    "--mantine-color-error": "var(--danger)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--sunken)",
    "--mantine-color-default-color": "var(--text)",
    "--mantine-color-default-border": "var(--line)",
    "--mantine-color-disabled": "var(--line)",
    "--mantine-color-disabled-color": "var(--control-line)",
    "--mantine-color-disabled-border": "var(--line)",
    "--mantine-primary-color-contrast": "var(--on-accent)",
  };
  return { variables: {}, light: roles, dark: roles };
};
