-- An A-ASSOCIATE-RJ (DICOM PS3.8, 9.3.4), so that the technician at the scanner reads the reason.
-- The variable has its result, source and reason, two hexadecimal digits each.
core.register_service("reject", "tcp", function(applet)
  local codes = applet:get_var("sess.rejection"):gsub("..", function(code) return string.char(tonumber(code, 16)) end)
  applet:send("\x03\x00\x00\x00\x00\x04\x00" .. codes)
end)
