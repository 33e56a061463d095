// Numbers as people read them.

/** 0.8734 -> "87.3 %" */
export function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** Milliseconds: "0.42 ms", "12.3 ms", "350 ms", "2.1 s". */
export function milliseconds(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10000 ? 0 : 1)} s`;
  return `${ms.toFixed(ms >= 100 ? 0 : ms >= 1 ? 1 : 2)} ms`;
}

/** Bytes in the binary units that tools show: "512 B", "34 KiB", "1.2 GiB". */
export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = Number(count) || 0;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit > 0 && value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** A span of time: "8 s", "4 min", "3 h", "2 d". */
export function span(ms) {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** Images per second: "0", "0.4", "12", "1,204". */
export function rate(perSecond) {
  const value = Number(perSecond) || 0;
  return value > 0 && value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

/** plural(1, "worker") -> "1 worker"; plural(2, "class", "classes") -> "2 classes" */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
