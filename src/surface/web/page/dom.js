// Elements from data: what is wanted is said as a tree, and the document is brought to it.
// Must not know what is shown. Nothing here or elsewhere reads markup: every text becomes a text node.
//
// An element stays the same one as long as its key (or its place among those of its tag) does, so typed words,
// the focus, the selection and the scrolling survive every change around it. What a person types is never set again.

import { clean } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const known = new WeakMap();

/**
 * Describes an element. Props: attributes by their names; `key`; `on` (`{click: function}`); `value`, which
 * is only given to a new element; `island` (`{version, build, update}`), whose content `build` makes anew with each
 * version and `update` brings up to date every time.
 */
export function h(tag, props, ...children) {
  const { key, on, island, value, ...attributes } = props ?? {};
  return { tag, key, on, island, value, attributes, children };
}

/** Describes an element that is looked into again only when one of the values that it is made `of` is another one. */
export const lazily = (tag, key, of, build) => ({ tag, key, of, build });

/** Lists children as they are wanted: strings and numbers as text, nothing for nothing. */
function flat(children) {
  const wanted = children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "");
  return wanted.map((child) => (typeof child === "object" ? child : { tag: "#text", text: String(child) }));
}

/** Gives every child a name that tells it from its siblings. */
function named(children) {
  const counts = new Map();
  return children.map((child) => {
    if (child.key !== undefined) return [`${child.tag} ${child.key}`, child];
    const count = counts.get(child.tag) ?? 0;
    counts.set(child.tag, count + 1);
    return [`${child.tag}#${count}`, child];
  });
}

/** Makes the children of `parent` those that are wanted. */
export function patch(parent, children) {
  const there = new Map();
  for (const node of parent.childNodes) there.set(known.get(node)?.name ?? node, node);
  const wanted = named(flat(children)).map(([name, child]) => {
    const node = there.get(name) ?? created(child, parent);
    there.delete(name);
    update(node, child, name);
    return node;
  });
  for (const node of there.values()) node.remove();
  let at = parent.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

function created(child, parent) {
  if (child.tag === "#text") return document.createTextNode("");
  const isSvg = child.tag === "svg" || parent.namespaceURI === SVG;
  const node = isSvg ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  if (child.value !== undefined) node.value = child.value;
  return node;
}

const isSame = (before, now) => before?.length === now.length && now.every((value, at) => value === before[at]);

function update(node, child, name) {
  const before = known.get(node);
  if (child.build) {
    if (isSame(before?.of, child.of)) return undefined;
    update(node, child.build(), name);
    known.get(node).of = child.of;
    return undefined;
  }
  known.set(node, { name, child, listened: before?.listened ?? new Set() });
  if (child.tag === "#text") {
    if (before?.child.text === child.text) return undefined;
    const text = clean(child.text);
    if (node.data !== text) node.data = text;
    return undefined;
  }
  setAttributes(node, before?.child.attributes ?? {}, child.attributes);
  listen(node, child.on);
  if (!child.island) return patch(node, child.children);
  if (before?.child.island?.version !== child.island.version) {
    node.replaceChildren();
    child.island.build?.(node);
  }
  return child.island.update?.(node);
}

function setAttributes(node, before, wanted) {
  for (const name of Object.keys(before)) if (!(name in wanted)) node.removeAttribute(name);
  for (const [name, value] of Object.entries(wanted)) if (before[name] !== value) setAttribute(node, name, value);
}

function setAttribute(node, name, value) {
  if (value === undefined || value === null || value === false) return node.removeAttribute(name);
  // Data never becomes an address or a program: links lead to places within the page.
  if (name === "href" && !String(value).startsWith("#/")) throw new Error("a link leaves the page");
  if (name === "src" || name === "style" || name.startsWith("on"))
    throw new Error(`\`${name}\` is no attribute for data`);
  return node.setAttribute(name, value === true ? "" : clean(value));
}

/** Listens once for each kind of event; who hears it is looked up then, so that it is who was shown last. */
function listen(node, handlers = {}) {
  const { listened } = known.get(node);
  for (const kind of Object.keys(handlers)) {
    if (listened.has(kind)) continue;
    listened.add(kind);
    node.addEventListener(kind, (event) => known.get(node).child.on?.[kind]?.(event));
  }
}

/** Brings the page to what is wanted, and keeps the focus where it was, or near it. */
export function paint(root, children) {
  const focused = document.activeElement;
  const hadFocus = focused && focused !== root && root.contains(focused);
  patch(root, children);
  if (!hadFocus || document.activeElement === focused) return;
  const to = root.contains(focused) ? focused : root.querySelector("h1");
  to?.focus({ preventScroll: true });
}
