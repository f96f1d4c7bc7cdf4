const words = (date, style) => new Intl.DateTimeFormat("de", { ...style, timeZone: "UTC" }).format(date);

module.exports = (config) => {
  config.addPassthroughCopy("images");
  config.addFilter("day", (date) => words(date, { dateStyle: "long" }));
  config.addFilter("month", (date) => words(date, { month: "long", year: "numeric" }));
  config.addCollection("months", (all) => {
    const months = new Map();
    for (const post of all.getFilteredByTag("posts")) {
      const path = post.date.toISOString().slice(0, 7).replace("-", "/");
      months.set(path, [...(months.get(path) ?? []), post]);
    }
    return [...months].map(([path, posts]) => ({ path, posts, first: posts[0].date }));
  });
  return { dir: { output: "output" } };
};
