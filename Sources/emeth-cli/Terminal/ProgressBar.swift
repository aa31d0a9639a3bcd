/// A bar that fills from the left.
enum ProgressBar {
  /// Such as `[███████▌            ]`, in eighths of a column.
  static func text(done: Int, of total: Int, width: Int) -> String {
    let eighths = total > 0 ? min(max(done, 0), total) * width * 8 / total : 0
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let bar = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    return "[" + bar + String(repeating: " ", count: max(0, width - bar.count)) + "]"
  }
}
