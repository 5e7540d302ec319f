// What of the page's text sticks out of its place, and what has a contrast below 4.5:1 (WCAG 2.2, 1.4.3).
() => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const overflowing = [];
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const box = element.getBoundingClientRect();
    if (!own || box.width === 0) continue;
    const parent = element.parentElement.getBoundingClientRect();
    if (box.right > innerWidth + 0.5 || box.right > parent.right + 0.5 || box.left < parent.left - 0.5) overflowing.push(element.textContent);
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a);
    if ((one + 0.05) / (other + 0.05) < 4.5) faint.push(element.textContent);
  }
  if (document.documentElement.scrollWidth > innerWidth) overflowing.push("the page");
  return { overflowing, faint };
}
