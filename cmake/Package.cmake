# `make deb`: the node alone as a Debian package. What plugins are built with is for `make install`.
set(package ${PROJECT_SOURCE_DIR}/config/package)
set(documentation /usr/share/doc/plexus)
install(TARGETS plexus RUNTIME DESTINATION /usr/bin COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${package}/plexus.service DESTINATION /lib/systemd/system COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${package}/plexus.json DESTINATION /etc/plexus COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${package}/plexus.default DESTINATION /etc/default RENAME plexus COMPONENT package EXCLUDE_FROM_ALL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${documentation} COMPONENT package EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.md")
install(FILES ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${documentation} COMPONENT package EXCLUDE_FROM_ALL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/config/grafana ${PROJECT_SOURCE_DIR}/config/prometheus
        DESTINATION /usr/share/plexus COMPONENT package EXCLUDE_FROM_ALL)
# What is linked, and under which licences: from the packages that this machine has it from.
install(CODE "execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/sbom $<TARGET_FILE:plexus>
                \"\$ENV{DESTDIR}\" --version ${PROJECT_VERSION} COMMAND_ERROR_IS_FATAL ANY)"
        COMPONENT package EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME plexus)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Plexus <plexus@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "self-hosted realtime engine")
set(CPACK_PACKAGE_DESCRIPTION "Holds the WebSockets of browsers and apps, routes messages through channels, knows who is
 present and replays what a client missed; several nodes share a Redis.")
set(CPACK_COMPONENTS_ALL package)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_PACKAGE_NAME plexus)
set(CPACK_DEBIAN_PACKAGE_NAME plexus)
set(CPACK_DEBIAN_PACKAGE_COMPONENT_NAME plexus)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers, passwd")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "redis-server, haproxy")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${package}/conffiles ${package}/postinst ${package}/prerm ${package}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_PACKAGE_CONTROL_EXTRA ${CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA})
include(CPack)
