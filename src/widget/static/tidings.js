// tidings: three custom elements that show what people said, and keep it fresh while the page is open.
//   <tidings-thread page="/posts/hello/"><a href="…">Replies</a></tidings-thread>
//   <tidings-counts page="/posts/hello/"></tidings-counts>
//   <tidings-follow actor="blog"></tidings-follow>
// Without an attribute they speak of the page they stand on, and of the first actor. What stands inside stays when
// there is no script, or no answer. Everything comes from the server that this script came from.

const base = new URL(".", import.meta.url);
const style = new URL("tidings.css", base).href;
// Under `require-trusted-types-for 'script'` markup must come from a policy; ours takes only what our own server sent.
const policy = globalThis.trustedTypes?.createPolicy?.("tidings", { createHTML: (html) => html });

function dress() {
  if ([...document.styleSheets].some((sheet) => sheet.href === style)) return;
  if (document.querySelector("link[data-tidings]")) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = style;
  link.dataset.tidings = "";
  document.head.append(link);
}

class Fragment extends HTMLElement {
  connectedCallback() {
    dress();
    this.load();
  }

  get subject() {
    return this.getAttribute("page") || location.pathname;
  }

  get address() {
    return new URL(`${this.constructor.kind}?page=${encodeURIComponent(this.subject)}`, base);
  }

  async load() {
    try {
      const answer = await fetch(this.address, { credentials: "omit" });
      if (!answer.ok) return;
      const html = await answer.text();
      if (!html.trim() || html === this.shown) return;
      // What the reader has unfolded stays so.
      const name = (fold) => fold.closest(".tidings-reply")?.querySelector(".tidings-when")?.href;
      const open = new Set([...this.querySelectorAll("details[open]")].map(name));
      this.shown = html;
      this.innerHTML = policy ? policy.createHTML(html) : html;
      for (const fold of this.querySelectorAll("details")) {
        if (open.has(name(fold))) fold.open = true;
      }
    } catch {
      // No answer: what stands inside stays.
    }
  }
}

// A stream for each page that is shown, and none while nobody looks.
const streams = new Map();

class Live extends Fragment {
  connectedCallback() {
    super.connectedCallback();
    this.watch = () => (document.hidden ? this.rest() : this.listen());
    document.addEventListener("visibilitychange", this.watch);
    this.watch();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.watch);
    this.rest();
  }

  listen() {
    if (this.stream) return;
    this.stream = this.subject;
    let entry = streams.get(this.stream);
    if (!entry) {
      const source = new EventSource(new URL(`../events?page=${encodeURIComponent(this.stream)}`, base));
      entry = { source, elements: new Set(), timer: 0 };
      // Several changes at once are one.
      source.addEventListener("change", () => {
        clearTimeout(entry.timer);
        entry.timer = setTimeout(() => entry.elements.forEach((element) => element.load()), 400);
      });
      streams.set(this.stream, entry);
    } else {
      this.load();
    }
    entry.elements.add(this);
  }

  rest() {
    const entry = streams.get(this.stream);
    if (entry) {
      entry.elements.delete(this);
      if (!entry.elements.size) {
        clearTimeout(entry.timer);
        entry.source.close();
        streams.delete(this.stream);
      }
    }
    this.stream = undefined;
  }
}

class Thread extends Live {
  static kind = "thread";
}

// A list of posts has many of these: they don't listen.
class Counts extends Fragment {
  static kind = "counts";
}

class Follow extends Fragment {
  get address() {
    const actor = this.getAttribute("actor");
    return new URL(actor ? `follow?actor=${encodeURIComponent(actor)}` : "follow", base);
  }
}

for (const [name, element] of [["thread", Thread], ["counts", Counts], ["follow", Follow]]) {
  if (!customElements.get(`tidings-${name}`)) customElements.define(`tidings-${name}`, element);
}

// On the form that sends readers to their own server: what they wrote is remembered in this browser, if they want that,
// and nowhere else.
const field = document.querySelector(".tidings-interact #tidings-handle");
const keep = document.querySelector(".tidings-interact #tidings-remember");
if (field && keep) {
  const name = "tidings-home";
  try {
    const known = localStorage.getItem(name);
    if (known && !field.value) field.value = known;
    keep.checked = Boolean(known);
    field.form.addEventListener("submit", () => {
      if (keep.checked) localStorage.setItem(name, field.value.trim());
      else localStorage.removeItem(name);
    });
    keep.parentElement.hidden = false;
  } catch {
    // Without storage there is nothing to offer.
  }
}
